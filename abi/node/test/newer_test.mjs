// A condition that only a newer library has: never success.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CordonError, OutcomeUnknownError } from 'cordon';
import { Calls } from '../node_modules/cordon/dist/calls.js';

const NEWER = 99;

/** Calls of a library that answers everything with one condition. */
function callsAnsweredWith(output, status = NEWER) {
  const answer = async () => ({ status, output });
  return new Calls({ quick: answer, blocking: answer, now: () => 'CORDON_UNKNOWN' }, null);
}

const isRefused = (error) => {
  assert.ok(error instanceof CordonError);
  assert.ok(!(error instanceof OutcomeUnknownError));
  assert.equal(error.code, 'CORDON_E_NOT_SUPPORTED');
  assert.match(error.message, /CORDON_UNKNOWN \(99\)/);
  return true;
};

test('a condition of a newer library is no success of a call without an action', async () => {
  const calls = callsAnsweredWith('{}');
  const news = { told: (error) => error };
  await assert.rejects(calls.quick('cordon_withdraw', 'id'), isRefused);
  await assert.rejects(calls.withSecret(new Uint8Array(4), 'cordon_secret_set', () => ['name']), isRefused);
  await assert.rejects(calls.read(true, {}, () => ['get_machine']), isRefused);
  await assert.rejects(calls.eventAfter({}, news), isRefused);
});

test('a request that may have been recorded so is unknown, and told', async () => {
  await assert.rejects(callsAnsweredWith('the-id').submit('isolate', '{}'), (error) => {
    assert.ok(error instanceof OutcomeUnknownError);
    assert.equal(error.requestId, 'the-id');
    return true;
  });
});

test('a condition of a newer library is an action that is not done', async () => {
  const result = await callsAnsweredWith('{"state":"new"}').act('cordon_call', {}, () => ['isolate']);
  assert.equal(result.kind, 'not_done');
  assert.equal(result.code, 'CORDON_UNKNOWN');
});

test('a sign-in that waits for its person is an answer, what may be an action is none', async () => {
  const calls = callsAnsweredWith('{"state":"waiting"}', 1);
  assert.equal(await calls.read(true, {}, () => ['login']), '{"state":"waiting"}');
  await assert.rejects(calls.read(false, {}, () => ['of_a_newer_library']), CordonError);
});
