import { Status } from './contract.js';
import { CordonError } from './errors.js';
import type { Native } from './native.js';

const INTERRUPT_PACE_MS = 5;

/**
 * Carries an abort to the call of this id, by cordon_interrupt. A call that has not got into the library yet is
 * interrupted once it has.
 */
export class Interruption {
  readonly #signal: AbortSignal;
  readonly #abort: () => void;
  #returned = false;

  constructor(native: Native, handle: unknown, callId: string, signal: AbortSignal) {
    this.#signal = signal;
    this.#abort = () => void this.#interrupt(native, handle, callId);
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  end(): void {
    this.#returned = true;
    this.#signal.removeEventListener('abort', this.#abort);
  }

  async #interrupt(native: Native, handle: unknown, callId: string): Promise<void> {
    while (!this.#returned) {
      try {
        await native.quick('cordon_interrupt', handle, callId);
        return;
      } catch (error) {
        if (!(error instanceof CordonError && error.status === Status.NOT_FOUND)) return;
      }
      await new Promise((resolve) => setTimeout(resolve, INTERRUPT_PACE_MS));
    }
  }
}
