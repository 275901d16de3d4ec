// Warm reads through the Node binding: see bindings.py.
//
//   read.mjs LIBRARY CONFIG MACHINE
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Client } from 'cordon';

const [library, config, machine] = process.argv.slice(2);
const client = await Client.open(await readFile(config, 'utf8'), { library });
console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const took = [];
  for (let call = 0; call < Number(line); ++call) {
    const start = process.hrtime.bigint();
    await client.read('get_machine', { machine_id: machine });
    took.push(Number(process.hrtime.bigint() - start) / 1000);
  }
  took.sort((a, b) => a - b);
  console.log(took[took.length >> 1].toFixed(1));
}
await client.close();
