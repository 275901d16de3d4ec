import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { Client } from 'cordon';
import { actionsOf, configuration, freshMachine, openClient, storeSecret, temporaryFolder } from './stage.mjs';

const ENDED = new Set(['succeeded', 'failed', 'timed_out', 'cancelled', 'rejected', 'expired', 'withdrawn']);

test('an iteration sees a request from its record to its end, and again from its cursor', async (t) => {
  const client = await openClient(t);
  const requestId = await client.submit('restrict_code_execution', { machine_id: freshMachine(), comment: 'Watched', options: { labels: { run: '9' } } });
  const seen = [];
  for await (const event of client.events()) {
    if (event.requestId !== requestId) continue;
    seen.push(event);
    if (ENDED.has(event.state)) break;
  }
  assert.equal(seen[0].state, 'queued');
  assert.equal(seen.at(-1).state, 'succeeded');
  assert.equal(seen.at(-1).action.requestId, requestId);
  assert.deepEqual(seen[0].labels, { run: '9' });

  const again = [];
  for await (const event of client.events({ after: seen[0].cursor })) {
    if (event.requestId === requestId) again.push(event.cursor);
    if (event.cursor === seen.at(-1).cursor) break;
  }
  assert.deepEqual(again, seen.slice(1).map((event) => event.cursor));
});

test('an iteration ends with its signal', async (t) => {
  const client = await openClient(t);
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 50);
  for await (const event of client.events({ signal: abort.signal })) assert.ok(event.cursor > 0);
});

test('a reader waits for the next event and no longer than it was told', async (t) => {
  const client = await openClient(t);
  while (await client.nextEvent({ waitMs: 30 })); // what there is; more comes when a new ledger learns what is in flight
  const requestId = randomUUID();
  const woken = (async () => {
    for (let event; (event = await client.nextEvent({ waitMs: 60_000 })); ) if (event.requestId === requestId) return event;
  })();
  await client.submit('isolate', { machine_id: freshMachine(), comment: 'Woken' }, { requestId });
  assert.equal((await woken).state, 'queued');
});

test('a request of an earlier client is followed by the next one', async (t) => {
  const config = configuration(temporaryFolder(t));
  const machine = freshMachine();
  const first = await Client.open(config); // it knows no secret, so it sends nothing
  const requestId = await first.submit('restrict_code_execution', { machine_id: machine, comment: 'Taken over' });
  await first.close();
  assert.deepEqual(await actionsOf(machine), []);

  const second = await Client.open(config);
  t.after(() => second.close());
  await storeSecret(second, config);
  assert.equal((await second.follow(requestId)).kind, 'succeeded');
  assert.equal((await actionsOf(machine)).length, 1);
});
