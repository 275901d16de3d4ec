import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client } from 'cordon';
import { copiesOf } from './memory.mjs';
import { configuration, temporaryFolder } from './stage.mjs';

const isWiped = (bytes) => bytes.every((byte) => byte === 0);

test('secrets go in, are wiped, and only their names come out', async (t) => {
  const folder = temporaryFolder(t);
  const client = await Client.open(configuration(folder, { vault: { file: join(folder, 'vault') } }));
  t.after(() => client.close());

  const early = Buffer.from('not yet');
  await assert.rejects(client.setSecret('app', early), { code: 'CORDON_E_VAULT_LOCKED' });
  assert.ok(isWiped(early), 'wiped although the call failed');

  const key = randomBytes(32);
  await client.unlockVault('key', key);
  assert.ok(isWiped(key));

  const secret = new Uint8Array(Buffer.from('hunter2 hunter2'));
  await client.setSecret('app', secret);
  assert.ok(isWiped(secret));
  const status = JSON.stringify(await client.vaultStatus());
  assert.match(status, /"app"/);
  assert.doesNotMatch(status, /hunter2/);

  await client.removeSecret('app');
  await assert.rejects(client.removeSecret('app'), { code: 'CORDON_E_NOT_FOUND' });

  const another = randomBytes(32);
  await assert.rejects(client.rekeyVault(null, another), { code: 'CORDON_E_INVALID_ARGUMENT', pointer: '/kind' });
  assert.ok(isWiped(another), 'wiped although the call failed');
  const third = randomBytes(32);
  await assert.rejects(client.rekeyVault(null, third, { timeoutMs: -1 }), RangeError);
  assert.ok(isWiped(third), 'wiped although the call was not made');
  await client.rekeyVault({ action: 'add_slot', kind: 'key' }, randomBytes(32));
  assert.equal((await client.vaultStatus()).slots.length, 2);
});

test('a secret as text is refused: it could not be wiped', async (t) => {
  const client = await Client.open(configuration(temporaryFolder(t)));
  t.after(() => client.close());
  await assert.rejects(client.setSecret('app', 'hunter2'), /bytes/);
});

test('no copy of a secret stays in the process, however short it is', async (t) => {
  const client = await Client.open(configuration(temporaryFolder(t)));
  t.after(() => client.close());
  for (const length of [32, 200]) {
    const complement = randomBytes(length);
    const secret = new Uint8Array(length);
    for (let at = 0; at < length; ++at) secret[at] = complement[at] ^ 0xff;
    assert.equal(copiesOf(complement), 1, 'the search finds it');
    await client.setSecret('app', secret);
    // What a thread has just let go of may be there for a moment more.
    for (let look = 0; look < 50 && copiesOf(complement) > 0; ++look) await new Promise((go) => setTimeout(go, 100));
    assert.equal(copiesOf(complement), 0);
  }
});
