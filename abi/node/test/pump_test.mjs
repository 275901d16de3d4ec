// The one reader of the journal, where it gets no descriptor, or loses it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EventPump } from '../node_modules/cordon/dist/pump.js';
import { temporaryFolder } from './stage.mjs';

const RECORD = '{"cursor":1,"request_id":"id"}';
const turn = () => new Promise((resolve) => setTimeout(resolve, 20));

/** A library whose descriptor is what `descriptor` gives or throws, and whose journal holds these records. */
function libraryOf(descriptor, records) {
  return {
    quick: async (name) => {
      if (name === 'cordon_event_fd') return { status: 0, output: descriptor() };
      return records.length > 0 ? { status: 0, output: records.shift() } : { status: 7, output: null };
    },
  };
}

function pipe(t) {
  const path = join(temporaryFolder(t), 'pipe');
  execFileSync('mkfifo', [path]);
  return path;
}

test('whoever waits is woken while there is no descriptor, and by the descriptor once there is', { timeout: 60_000 }, async (t) => {
  const records = [];
  let asked = 0;
  let fd = null;
  const descriptor = () => {
    if (++asked < 3) throw new Error('too many open files');
    return (fd = openSync(pipe(t), 'r+'));
  };
  const pump = new EventPump(libraryOf(descriptor, records), null, 0);
  t.after(() => pump.end());
  const subscription = pump.subscribe('id');
  for (let woken = 0; woken < 2; ++woken) await subscription.news;
  while (fd === null) await turn();
  const { news } = subscription;
  records.push(RECORD);
  writeSync(fd, 'x');
  await news;
  assert.equal(asked, 3);
});

test('a descriptor that is lost is asked for again', { timeout: 60_000 }, async (t) => {
  let writer;
  let asked = 0;
  const descriptor = () => {
    const path = pipe(t);
    if (++asked > 1) return openSync(path, 'r+');
    writer = openSync(path, 'r+');
    return openSync(path, 'r');
  };
  const pump = new EventPump(libraryOf(descriptor, []), null, 0);
  t.after(() => pump.end());
  pump.subscribe(null);
  while (asked < 1) await turn();
  closeSync(writer);
  while (asked < 2) await turn();
});
