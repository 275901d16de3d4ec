// The conformance program in Node: see ../README.md.
//
//   conformance.mjs LIBRARY
import { createInterface } from 'node:readline';
import koffi from 'koffi';
import { Client, CordonError, library, Status } from 'cordon';
import { tableType } from '../test/table.mjs';

const path = process.argv[2];
const loaded = library(path);
const clients = new Map();
const background = new Map();

const camel = (key) => key.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
const snake = (key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Options of the script under this binding's names. */
function optionsOf(step) {
  const options = Object.fromEntries(Object.entries(step.options ?? {}).map(([key, value]) => [camel(key), value]));
  const { timeout_ms: timeout = -1 } = step;
  return timeout === -1 ? options : { ...options, timeoutMs: timeout };
}

/** A typed document under the contract's names, from its typed members alone. */
function document(typed) {
  const members = Object.entries(typed).filter(([key]) => key !== 'raw');
  return Object.fromEntries(members.map(([key, value]) => [snake(key), isObject(value) && 'raw' in value ? document(value) : value]));
}

const result = ({ code, action }) => [code, document(action)];
const nothing = () => ['CORDON_OK', null];
const client = (step) => clients.get(step.client);

const steps = {
  version: async () => ['CORDON_OK', loaded.version],
  constants: async () => ['CORDON_OK', Object.fromEntries(Object.values(Status).map((number) => [loaded.statusName(number), number]))],
  layout: async () => ['CORDON_OK', Object.fromEntries(Object.keys(tableType.members).map((name) => [name, koffi.offsetof(tableType, name)]))],
  open: async (step) => nothing(clients.set(step.client, await Client.open(step.config, { library: path }))),
  secret_set: async (step) => nothing(await client(step).setSecret(step.name, Buffer.from(step.value))),
  secret_remove: async (step) => nothing(await client(step).removeSecret(step.name)),
  vault_status: async (step) => ['CORDON_OK', await client(step).vaultStatus()],
  restrict_code_execution: async (step) => result(await client(step).restrictCodeExecution(step.machine_id, step.comment, optionsOf(step))),
  stop_and_quarantine: async (step) =>
    result(await client(step).stopAndQuarantine(step.machine_id, step.sha1, step.comment, optionsOf(step))),
  poll_action: async (step) => result(await client(step).poll(step.id, { ...optionsOf(step), waitMs: step.wait_ms })),
  call: async (step) => {
    const { operation, request } = step;
    const known = loaded.manifest.operations.operations.find(({ name }) => name === operation);
    if (known?.kind === 'read') return ['CORDON_OK', await client(step).read(operation, request, optionsOf(step))];
    return result(await client(step).act(operation, request, optionsOf(step)));
  },
  submit: async (step) => ['CORDON_OK', await client(step).submit(step.operation, step.request)],
  withdraw: async (step) => nothing(await client(step).withdraw(step.request_id)),
  interrupt: async (step) => nothing(await client(step).interrupt(step.call_id)),
  next_event: async (step) => {
    const event = await client(step).nextEvent({ ...optionsOf(step), waitMs: step.wait_ms });
    return event ? ['CORDON_OK', document(event)] : ['CORDON_NO_EVENT', null];
  },
  shutdown: async (step) => nothing(await client(step).shutdown({ timeoutMs: step.timeout_ms })),
  free: async (step) => nothing(await client(step).close()),
};

async function answer(step) {
  try {
    const [status, told] = await steps[step.do](step);
    return { status, result: told, error: null };
  } catch (error) {
    if (!(error instanceof CordonError)) throw error;
    return { status: error.code, result: null, error: document(error.document) };
  }
}

async function answerInTurn(step) {
  if (step.background === undefined) return answer(step);
  if (step.do === 'join') return background.get(step.background);
  background.set(step.background, answer(step));
  return { status: 'STARTED', result: null, error: null };
}

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`;
}

for await (const line of createInterface({ input: process.stdin })) {
  const step = JSON.parse(line);
  process.stdout.write(`${canonical({ ...(await answerInTurn(step)), step: step.step })}\n`);
}
