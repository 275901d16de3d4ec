// The JSON that goes into the library.
import { optionsOf } from './documents.js';
import { checked } from './native.js';

export function configText(config: string | object | null | undefined): string | null {
  if (config === undefined || config === null) return null;
  return typeof config === 'string' ? checked(config, 'config') : JSON.stringify(config);
}

export function optionsText(options: object): string | null {
  const json = optionsOf(options);
  return Object.keys(json).length === 0 ? null : JSON.stringify(json);
}

/** An operation's parameters together with the options. */
export function requestOf(parameters: Readonly<Record<string, unknown>>, options: string | null): string {
  if (options === null) return JSON.stringify(parameters);
  if ('options' in parameters) throw new TypeError('options are given twice: as an argument and among the parameters');
  return JSON.stringify({ ...parameters, options: JSON.parse(options) });
}
