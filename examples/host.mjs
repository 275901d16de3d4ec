// A host of Cordon in Node: restricts a device, quarantines a file, follows both to their end.
//
//   node host.mjs CONFIG MACHINE SHA1      where the package is installed, see abi/node/README.md
//
// CONFIG is a path, or - for the library's own choice. Exit: 0 both were done, 1 an error, 2 wrong use, 3 something ended
// otherwise or has not ended. Ctrl-C stops waiting; what the service holds goes on.
import { readFile } from 'node:fs/promises';
import { Client, CordonError, OutcomeUnknownError } from 'cordon';

const EXIT = { done: 0, error: 1, usage: 2, otherwise: 3 };
const WAIT_MS = 3_600_000;

function told(result) {
  switch (result.kind) {
    case 'succeeded':
      return 'done on the device';
    case 'pending':
      return `not done yet; follow request ${result.action.requestId}`;
    case 'not_done':
      return `not done: ${result.code}, ${result.action.errorText ?? 'no reason given'}`;
  }
}

/** Follows one action to its end; true only if the device did it. */
async function follow(client, what, accepting, signal) {
  const accepted = await accepting;
  console.log(`${what}: request ${accepted.action.requestId}${accepted.action.adopted ? ', adopted' : ''}`);
  const end = await client.follow(accepted, { timeoutMs: WAIT_MS, signal });
  console.log(`${what}: ${told(end)}`);
  return end.kind === 'succeeded';
}

/** Both actions at once; each is told when it ends. */
async function contain(client, machine, sha1, signal) {
  const options = { labels: { case: 'EXAMPLE-1' }, signal };
  const done = await Promise.all([
    follow(client, 'restrict app execution', client.restrictCodeExecution(machine, 'Contain the device', options), signal),
    follow(client, 'stop and quarantine', client.stopAndQuarantine(machine, sha1, 'Stop the file', options), signal),
  ]);
  return done.every(Boolean) ? EXIT.done : EXIT.otherwise;
}

async function main([config, machine, sha1, ...rest]) {
  if (!sha1 || rest.length > 0) {
    console.error('usage: host.mjs CONFIG MACHINE SHA1');
    return EXIT.usage;
  }
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  let client;
  try {
    client = await Client.open(config === '-' ? null : await readFile(config, 'utf8'));
    return await contain(client, machine, sha1, interrupted.signal);
  } catch (error) {
    if (error instanceof OutcomeUnknownError) {
      console.error(`not known; do not repeat, follow request ${error.requestId}: ${error.message}`);
      return EXIT.otherwise;
    }
    if (interrupted.signal.aborted) return EXIT.otherwise;
    console.error(error instanceof CordonError ? `${error.code}: ${error.message}` : error.message);
    return EXIT.error;
  } finally {
    await client?.close();
  }
}

process.exitCode = await main(process.argv.slice(2));
