import { Native } from './native.js';

/** What is known of a library without a client. `path`: the file, or nothing for libcordon.so.1. */
export interface Library {
  /** '1.0.0' */
  readonly version: string;
  /** 1000000 for 1.0.0 */
  readonly abiVersion: number;
  /** Operations with their parameters, schemas, permissions. */
  readonly manifest: unknown;
  /** The constant of a status, 'CORDON_E_DEADLINE'; 'CORDON_UNKNOWN' for a number that the library does not have. */
  statusName(status: number): string;
}

export function library(path?: string): Library {
  const native = Native.load(path);
  return {
    version: native.now('cordon_version') as string,
    abiVersion: native.now('cordon_abi_version') as number,
    manifest: JSON.parse(native.now('cordon_manifest') as string),
    statusName: (status) => native.now('cordon_status_name', status) as string,
  };
}
