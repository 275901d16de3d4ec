// Deadlines, signals, waits: what ends early, on which side it is, and what it costs.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { Client } from 'cordon';
import { actionsOf, cast, configuration, freshMachine, openBusyClient, openClient, temporaryFolder } from './stage.mjs';

const threads = () => readdirSync('/proc/self/task').length;
const descriptors = () => readdirSync('/proc/self/fd').map(targetOf);

function targetOf(descriptor) {
  try {
    return `${descriptor} ${readlinkSync(`/proc/self/fd/${descriptor}`)}`;
  } catch {
    return descriptor; // the one that lists them
  }
}

/** Longer than the quota's window: such a request waits. */
const LONG = 7200_000;
const turn = () => new Promise((resolve) => setTimeout(resolve, 20));

test('an aborted call that has sent nothing rejects with the reason, and nothing is sent', async (t) => {
  const client = await openBusyClient(t);
  const machine = freshMachine();
  const abort = new AbortController();
  const waiting = client.restrictCodeExecution(machine, 'Waits for the quota', { signal: abort.signal, timeoutMs: LONG });
  const ended = assert.rejects(waiting, { name: 'AbortError' });
  await turn();
  abort.abort();
  await ended;
  const { requests } = await client.read('list_requests', { filter: { machine_id: machine } });
  assert.deepEqual(requests.map((request) => request.state), ['withdrawn']);
  assert.deepEqual(await actionsOf(machine), []);
});

test('aborting at any moment ends the call unsent', async (t) => {
  const client = await openBusyClient(t);
  const machine = freshMachine();
  for (let round = 0; round < 60; ++round) {
    const abort = new AbortController();
    const waiting = client.restrictCodeExecution(machine, 'Waits', { forceNew: true, signal: abort.signal, timeoutMs: LONG });
    const ended = assert.rejects(waiting, { name: 'AbortError' });
    for (let turns = round % 6; turns > 0; --turns) await new Promise(setImmediate);
    abort.abort();
    await ended;
  }
  const { requests } = await client.read('list_requests', { filter: { machine_id: machine } });
  assert.ok(requests.every((request) => request.state === 'withdrawn'), JSON.stringify(requests));
  assert.deepEqual(await actionsOf(machine), []);
});

test('a signal given before the call keeps it from beginning', async (t) => {
  const client = await openClient(t);
  const machine = freshMachine();
  const reason = new Error('the case was closed');
  await assert.rejects(client.restrictCodeExecution(machine, 'Never begun', { signal: AbortSignal.abort(reason) }), reason);
  const { requests } = await client.read('list_requests', { filter: { machine_id: machine } });
  assert.deepEqual(requests, []);
});

test('aborting the wait for an action leaves it at the service', async (t) => {
  const client = await openClient(t);
  const abort = new AbortController();
  const accepted = await client.act('isolate', { machine_id: cast.offline, comment: 'Held by the service' });
  assert.equal(accepted.kind, 'pending');
  const following = assert.rejects(client.follow(accepted, { signal: abort.signal }), { name: 'AbortError' });
  await turn();
  abort.abort();
  await following;
  assert.equal((await client.poll(accepted.action.requestId)).kind, 'pending');
});

test('an action that the service holds is pending when the call that waits for its end is aborted', async (t) => {
  const client = await openClient(t);
  const abort = new AbortController();
  const requestId = randomUUID();
  const options = { until: 'finished', requestId, signal: abort.signal, timeoutMs: LONG };
  const waiting = client.act('run_antivirus_scan', { machine_id: cast.offline, comment: 'Waited for' }, options);
  const isHeld = () => client.poll(requestId).then(({ action }) => action.state === 'pending', () => false);
  while (!(await isHeld())) await turn();
  abort.abort();
  assert.equal((await waiting).kind, 'pending');
});

test('a call that cannot get a slot in time says so, and nothing is sent', async (t) => {
  const client = await openBusyClient(t);
  const machine = freshMachine();
  await assert.rejects(client.restrictCodeExecution(machine, 'No slot', { timeoutMs: 500 }), (error) => {
    assert.ok(['CORDON_E_RATE_LIMITED', 'CORDON_E_DEADLINE'].includes(error.code), error.code);
    return true;
  });
  assert.deepEqual(await actionsOf(machine), []);
});

test('interrupt wakes the call of that name', async (t) => {
  const client = await openBusyClient(t);
  const waiting = client.restrictCodeExecution(freshMachine(), 'Waits', { callId: 'one', timeoutMs: LONG });
  const ended = assert.rejects(waiting, { code: 'CORDON_E_INTERRUPTED' });
  for (let woken = false; !woken; await turn()) woken = await client.interrupt('one').then(() => true, () => false);
  await ended;
  await assert.rejects(client.interrupt('one'), { code: 'CORDON_E_NOT_FOUND' });
});

test('calls that wait leave the host its thread pool and its event loop', async (t) => {
  const client = await openBusyClient(t);
  const abort = new AbortController();
  const waiting = [];
  for (let call = 0; call < 12; ++call) {
    waiting.push(client.restrictCodeExecution(freshMachine(), 'Waits', { signal: abort.signal, timeoutMs: LONG }));
  }
  const ended = Promise.allSettled(waiting);
  await turn();
  assert.ok((await readFile(import.meta.filename ?? new URL(import.meta.url).pathname)).length > 0);
  const requestId = await client.submit('restrict_code_execution', { machine_id: freshMachine(), comment: 'Recorded meanwhile' }, { validForMs: LONG });
  assert.equal((await client.poll(requestId)).kind, 'pending');
  abort.abort();
  for (const { reason } of await ended) assert.equal(reason.name, 'AbortError');
});

test('many requests are followed without a thread for each', async (t) => {
  const client = await openClient(t);
  const machines = Array.from({ length: 120 }, freshMachine);
  const submitted = await Promise.all(
    machines.map((machine) => client.submit('restrict_code_execution', { machine_id: machine, comment: 'One of many' })),
  );
  const before = threads();
  const following = Promise.all(submitted.map((requestId) => client.follow(requestId)));
  await turn();
  assert.ok(threads() <= before + 1, `${threads()} threads, ${before} before`);
  for (const end of await following) assert.equal(end.kind, 'succeeded');
});

test('following ends as pending when its time is over', async (t) => {
  const client = await openClient(t);
  const accepted = await client.act('collect_investigation_package', { machine_id: cast.offline, comment: 'Takes long' });
  const result = await client.follow(accepted, { timeoutMs: 200 });
  assert.equal(result.kind, 'pending');
  assert.equal(result.action.requestId, accepted.action.requestId);
});

test('a clock that is set neither ends a wait nor makes it last', async (t) => {
  const client = await openClient(t);
  const now = Date.now;
  t.after(() => (Date.now = now));
  let hours = 0;
  Date.now = () => now() + 3600_000 * ++hours;
  const accepted = await client.restrictCodeExecution(freshMachine(), 'In time', { timeoutMs: 60_000 });
  assert.equal((await client.follow(accepted, { timeoutMs: 60_000 })).kind, 'succeeded');
});

test('what the ledger does not know cannot be followed', async (t) => {
  const client = await openClient(t);
  await assert.rejects(client.follow('00000000-0000-4000-8000-000000000000'), { code: 'CORDON_E_NOT_FOUND' });
});

test('closing ends every wait, and a closed client says so', async (t) => {
  const client = await openBusyClient(t);
  const requestId = await client.submit('restrict_code_execution', { machine_id: freshMachine(), comment: 'Goes on later' }, { validForMs: LONG });
  const following = assert.rejects(client.follow(requestId), { code: 'CORDON_E_SHUTTING_DOWN' });
  const acting = assert.rejects(client.restrictCodeExecution(freshMachine(), 'Waits', { timeoutMs: LONG }), { code: 'CORDON_E_SHUTTING_DOWN' });
  const reading = assert.rejects((async () => { for await (const _ of client.events()) void _; })(), { code: 'CORDON_E_SHUTTING_DOWN' });
  await turn();
  await Promise.all([client.close(), client.close()]);
  await Promise.all([following, acting, reading]);
  await assert.rejects(client.poll(requestId), { code: 'CORDON_E_INVALID_HANDLE' });
});

test('opening and closing leaves no descriptor behind', async (t) => {
  const folder = temporaryFolder(t);
  const once = async () => {
    const client = await Client.open(configuration(folder));
    await client.nextEvent({ waitMs: 1 });
    await client.close();
  };
  await once();
  const before = descriptors().length;
  for (let round = 0; round < 5; ++round) await once();
  // Node closes its own end of the pipe a little later.
  for (let turns = 0; descriptors().length > before && turns < 500; ++turns) await turn();
  const after = descriptors();
  assert.ok(after.length <= before, after.join('\n'));
});

/** What a program printed that ended well. */
async function saidBy(script, environment = {}) {
  const options = { stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000, env: { ...process.env, ...environment } };
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], options);
  let said = '';
  child.stdout.on('data', (part) => (said += part));
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(code, 0);
  return said;
}

test('a program that has nothing to wait for ends although its client is open', async (t) => {
  const said = await saidBy(`
    import { Client } from 'cordon';
    const client = await Client.open(${JSON.stringify(configuration(temporaryFolder(t)))});
    await client.nextEvent();
    console.log('still here');`);
  assert.equal(said, 'still here\n');
});

test('a thread pool that one call would fill is refused', async (t) => {
  const script = `
    import { Client } from 'cordon';
    await Client.open(${JSON.stringify(configuration(temporaryFolder(t)))}).then(
      (client) => client.close(),
      (error) => console.log(error.message));`;
  for (const size of ['1', '0', 'many']) assert.match(await saidBy(script, { UV_THREADPOOL_SIZE: size }), /2 or more/);
  assert.equal(await saidBy(script, { UV_THREADPOOL_SIZE: '2' }), '');
});
