// What the tests stand on: the emulator that the runner started, and clients with a ledger of their own.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'cordon';

export const ready = JSON.parse(readFileSync(process.env.CORDON_READY, 'utf8'));
export const cast = ready.cast;
export const sha1 = ready.files[0];

const agent = new https.Agent({ ca: readFileSync(ready.ca_file) });
let nextMachine = 0;

/** A device that no other test has touched. */
export function freshMachine() {
  const taken = new Set(Object.values(cast));
  while (taken.has(ready.machines[nextMachine])) ++nextMachine;
  return ready.machines[nextMachine++];
}

export function control(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = https.request(ready.control_url + path, { method, agent }, (answer) => {
      let text = '';
      answer.on('data', (part) => (text += part));
      answer.on('end', () => resolve(text ? JSON.parse(text) : null));
    });
    request.on('error', reject);
    request.end(body && JSON.stringify(body));
  });
}

export async function armFault(endpoint, kind) {
  await control('POST', '/emulator/faults', { endpoint, kind, times: 1 });
}

/** Actions that the service has for this device. */
export async function actionsOf(machine) {
  return (await control('GET', '/emulator/actions')).filter((action) => action.machineId === machine);
}

export function configuration(folder, changes = {}) {
  const config = structuredClone(ready.config);
  config.state_dir = join(folder, 'state');
  config.vault = { file: null };
  config.track.interval_ms = 50;
  config.reconcile.settle_ms = 700;
  return Object.assign(config, changes);
}

export function temporaryFolder(t) {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-node-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function storeSecret(client, config) {
  const { credential } = Object.values(config.tenants)[0];
  await client.setSecret(credential.secret_name, Buffer.from(ready.client_secret));
}

/** A client that can act; closed when the test ends. */
export async function openClient(t, changes = {}) {
  const config = configuration(temporaryFolder(t), changes);
  const client = await Client.open(config);
  t.after(() => client.close());
  await storeSecret(client, config);
  return client;
}

/** Quota for one call an hour, and that one taken: whatever comes next waits unsent. */
export async function openBusyClient(t) {
  const client = await openClient(t, { quota: '1/3600s' });
  const first = await client.restrictCodeExecution(freshMachine(), 'Takes the only slot');
  assert.equal(first.kind, 'pending');
  return client;
}
