// The binding against the loaded library: numbers, signatures, the table's layout.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import koffi from 'koffi';
import { library, Status } from 'cordon';
import { functions, tableMembers } from '../node_modules/cordon/dist/contract.js';
import { tableType } from './table.mjs';

const NATIVE = 'libcordon.so.1';

test('every status has the name that the library gives it', () => {
  for (const [word, number] of Object.entries(Status)) {
    assert.match(library().statusName(number), new RegExp(`^CORDON_(E_)?${word}$`));
  }
});

test('the table lies in memory as it is declared', () => {
  const lib = koffi.load(NATIVE);
  const address = lib.func('cordon_get_api', 'void *', ['uint32_t'])(1);
  const table = koffi.decode(address, tableType);
  assert.equal(table.struct_size, koffi.sizeof(tableType));
  assert.equal(table.abi_version, library().abiVersion);
  for (const [member, symbol] of tableMembers) assert.equal(table[member], lib.symbol(symbol), symbol);
});

test('every function of the table has a signature', () => {
  for (const [, symbol] of tableMembers) assert.ok(symbol in functions, symbol);
});

test('the library tells its version and operations without a client', () => {
  assert.match(library().version, /^1\.\d+\.\d+$/);
  assert.ok(library().manifest.operations.operations.some((operation) => operation.name === 'isolate'));
});
