// Compiled, not run: what the types allow and what they do not.
import { Client, type ActionResult, type CallOptions } from 'cordon';

export function told(result: ActionResult): string {
  switch (result.kind) {
    case 'succeeded':
      return 'contained';
    case 'pending':
      return `not yet: ${result.action.requestId}`;
    case 'not_done':
      return result.code;
  }
}

// @ts-expect-error: the pending branch is missing
export function forgetful(result: ActionResult): string {
  switch (result.kind) {
    case 'succeeded':
      return 'contained';
    case 'not_done':
      return result.code;
  }
}

export async function uses(client: Client): Promise<void> {
  // @ts-expect-error: there is no "ok" to look at
  (await client.restrictCodeExecution('id', 'why')).ok;
  // @ts-expect-error: a misspelt option
  await client.restrictCodeExecution('id', 'why', { dryrun: true });
  // @ts-expect-error: secrets are bytes
  await client.setSecret('name', 'value');
  const options: CallOptions = { until: 'finished', priority: 'urgent', labels: { case: '1' } };
  await client.stopAndQuarantine('id', 'sha1', 'why', { ...options, timeoutMs: 1000, signal: AbortSignal.timeout(1000) });
  for await (const event of client.events({ after: 1, scope: 'all' })) event.action?.state?.toUpperCase();
}
