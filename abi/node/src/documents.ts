import { actionMembers, cordonEventMembers, type Action, type CordonEvent } from './contract.js';
import { errorMembers, type ErrorDocument } from './errors.js';

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function camel(key: string): string {
  return key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The members under this binding's names; absent ones are null. */
function view(raw: Json, members: readonly string[]): Json {
  const shown: Json = {};
  for (const member of members) shown[camel(member)] = raw[member] ?? null;
  shown['raw'] = raw;
  return shown;
}

export function actionOf(raw: Json): Action {
  const shown = view(raw, actionMembers);
  shown['labels'] ??= {};
  return shown as unknown as Action;
}

export function errorDocumentOf(raw: Json): ErrorDocument {
  return view(raw, errorMembers) as unknown as ErrorDocument;
}

export function eventOf(raw: Json): CordonEvent {
  const shown = view(raw, cordonEventMembers);
  shown['labels'] ??= {};
  if (isObject(raw['action'])) shown['action'] = actionOf(raw['action']);
  if (isObject(raw['error'])) shown['error'] = errorDocumentOf(raw['error']);
  return shown as unknown as CordonEvent;
}

/** Options as the library takes them. Names it does not know are passed on: it refuses them and says where. */
export function optionsOf(options: object): Json {
  const json: Json = {};
  for (const [key, value] of Object.entries(options)) {
    if (value !== undefined) json[key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = value;
  }
  return json;
}
