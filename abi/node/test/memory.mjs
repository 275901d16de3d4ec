// Looks for a text in this process' own memory.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

const CHUNK = 1 << 16;

/** How often the bytes whose complement this is lie in writable memory. The complement, lest the search finds itself. */
export function copiesOf(complement) {
  const chunk = Buffer.alloc(CHUNK);
  const memory = openSync('/proc/self/mem', 'r');
  let found = 0;
  try {
    for (const line of readFileSync('/proc/self/maps', 'latin1').split('\n')) {
      const region = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line);
      if (!region) continue;
      const end = parseInt(region[2], 16);
      // Chunks overlap by what a text may lack at a chunk's end.
      for (let at = parseInt(region[1], 16); at < end; at += CHUNK - complement.length) {
        const length = read(memory, chunk, at, Math.min(CHUNK, end - at));
        found += countIn(chunk, length, complement);
        chunk.fill(0, 0, length);
      }
    }
  } finally {
    closeSync(memory);
  }
  return found;
}

function read(memory, chunk, at, length) {
  try {
    return readSync(memory, chunk, 0, length, at);
  } catch {
    return 0; // reserved, and not there
  }
}

function countIn(chunk, length, complement) {
  const first = complement[0] ^ 0xff;
  let found = 0;
  for (let at = chunk.indexOf(first); at >= 0 && at + complement.length <= length; at = chunk.indexOf(first, at + 1)) {
    let matching = 1;
    while (matching < complement.length && (chunk[at + matching] ^ 0xff) === complement[matching]) ++matching;
    if (matching === complement.length) ++found;
  }
  return found;
}
