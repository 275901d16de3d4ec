import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, CordonError, OutcomeUnknownError } from 'cordon';
import { actionsOf, armFault, cast, freshMachine, openClient, sha1 } from './stage.mjs';

const RESTRICT = 'POST /api/machines/{id}/restrictCodeExecution';

test('an accepted action is pending and ends as succeeded when it is followed', async (t) => {
  const client = await openClient(t);
  const machine = freshMachine();
  const accepted = await client.restrictCodeExecution(machine, 'Eindämmen 隔离', { labels: { case: 'INC-1' }, actor: 'ana' });
  assert.equal(accepted.kind, 'pending');
  const end = await client.follow(accepted);
  assert.equal(end.kind, 'succeeded');
  const { action } = end;
  assert.equal(action.requestId, accepted.action.requestId);
  assert.equal(action.machineId, machine);
  assert.equal(action.operation, 'restrict_code_execution');
  assert.equal(action.state, 'succeeded');
  assert.equal(action.status, 'Succeeded');
  assert.equal(action.adopted, false);
  assert.deepEqual(action.labels, { case: 'INC-1' });
  assert.match(action.comment, /^Eindämmen 隔离/);
  assert.match(action.updatedAt, /^\d{4}-\d\d-\d\dT.*Z$/);
  assert.equal((await actionsOf(machine)).length, 1);
});

test('a failure on the device is not done, and says so', async (t) => {
  const client = await openClient(t);
  const end = await client.follow(await client.stopAndQuarantine(cast.fails, sha1, 'Fails on the device'));
  assert.equal(end.kind, 'not_done');
  assert.equal(end.code, 'CORDON_ACTION_FAILED');
});

test('an equal request joins the one under way', async (t) => {
  const client = await openClient(t);
  const first = await client.restrictCodeExecution(cast.offline, 'First');
  const second = await client.restrictCodeExecution(cast.offline, 'Second');
  assert.equal(second.action.requestId, first.action.requestId);
  assert.equal(second.action.adopted, true);
});

test('any operation of the manifest can act, and read', async (t) => {
  const client = await openClient(t);
  const machine = freshMachine();
  const end = await client.follow(await client.act('isolate', { machine_id: machine, isolation_type: 'Full', comment: 'Isolate' }));
  assert.equal(end.kind, 'succeeded');
  const found = await client.read('get_machine', { machine_id: machine });
  assert.equal(found.id, machine);
});

test('a call acts on what it was told, although its parameters are used again before its turn comes', async (t) => {
  const client = await openClient(t);
  const machines = Array.from({ length: 6 }, freshMachine);
  const parameters = { comment: 'One object for all' };
  const calls = machines.map((machine) => {
    parameters.machine_id = machine;
    return client.act('isolate', parameters);
  });
  assert.deepEqual((await Promise.all(calls)).map(({ action }) => action.machineId), machines);
  for (const machine of machines) assert.equal((await actionsOf(machine)).length, 1);
});

test('a read is never asked to act, nor an action to read', async (t) => {
  const client = await openClient(t);
  const machine = freshMachine();
  await assert.rejects(client.read('isolate', { machine_id: machine, comment: 'By mistake' }), TypeError);
  await assert.rejects(client.act('get_machine', { machine_id: machine }), TypeError);
  assert.deepEqual(await actionsOf(machine), []);
});

test('a dry run sends nothing', async (t) => {
  const client = await openClient(t);
  const machine = freshMachine();
  const checked = await client.restrictCodeExecution(machine, 'Only looked at', { dryRun: true });
  assert.equal(checked.kind, 'not_done');
  assert.equal(checked.code, 'CORDON_DRY_RUN');
  assert.equal(checked.action.state, null);
  assert.deepEqual(await actionsOf(machine), []);
});

test('refused input is named and nothing is sent', async (t) => {
  const client = await openClient(t);
  const machine = freshMachine();
  const sha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  const refused = { name: 'CordonError', code: 'CORDON_E_INVALID_ARGUMENT', retryable: false };
  await assert.rejects(client.stopAndQuarantine(machine, sha256, 'A SHA-256'), refused);
  await assert.rejects(client.restrictCodeExecution(machine, 'An option of no library', { colour: 'blue' }), (error) => {
    assert.ok(error instanceof CordonError);
    assert.equal(error.code, 'CORDON_E_INVALID_ARGUMENT');
    assert.match(error.pointer, /colour/);
    return true;
  });
  assert.throws(() => client.restrictCodeExecution(machine, 'cut\0off'), /NUL/);
  assert.throws(() => client.restrictCodeExecution(machine, undefined), TypeError);
  await assert.rejects(client.restrictCodeExecution(machine, 'Endless', { timeoutMs: Infinity }), RangeError);
  await assert.rejects(client.restrictCodeExecution(machine, 'No time', { timeoutMs: 0 }), refused);
  assert.deepEqual(await actionsOf(machine), []);
});

test('a wrong configuration is refused with the place', async () => {
  await assert.rejects(Client.open({ state_dir: 'relative', unheard_of: true }), (error) => {
    assert.equal(error.code, 'CORDON_E_INVALID_ARGUMENT');
    assert.ok(error.pointer);
    return true;
  });
});

test('a lost answer is an outcome unknown that can be followed, and nothing is sent twice', async (t) => {
  const client = await openClient(t);
  const machine = freshMachine();
  await armFault(RESTRICT, 'drop_after');
  let lost;
  await assert.rejects(client.restrictCodeExecution(machine, 'Its answer is lost', { timeoutMs: 300 }), (error) => {
    lost = error;
    return error instanceof OutcomeUnknownError;
  });
  assert.equal(lost.code, 'CORDON_E_OUTCOME_UNKNOWN');
  assert.equal(lost.retryable, false);
  const end = await client.follow(lost.requestId);
  assert.equal(end.kind, 'succeeded');
  assert.equal((await actionsOf(machine)).length, 1);
});
