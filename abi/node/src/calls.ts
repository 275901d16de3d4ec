import { randomUUID } from 'node:crypto';
import { Status, type CallOptions, type ConditionCode, type CordonEvent } from './contract.js';
import { actionOf, eventOf } from './documents.js';
import { CordonError, noSuccess, OutcomeUnknownError } from './errors.js';
import { Interruption } from './interruption.js';
import { milliseconds, type FunctionName, type Native, type Reply } from './native.js';
import type { Subscription } from './pump.js';
import { optionsText } from './requests.js';
import type { ActionResult, Limits } from './results.js';

export const NO_TIME = 0;
const A_MOMENT = 1;

/** The calls of one client, with their answers as the host sees them. */
export class Calls {
  readonly #native: Native;
  readonly #handle: unknown;

  constructor(native: Native, handle: unknown) {
    this.#native = native;
    this.#handle = handle;
  }

  /** A call that takes milliseconds and succeeds only with OK; `inputs` behind the handle. */
  async quick(name: FunctionName, ...inputs: unknown[]): Promise<unknown> {
    return this.#answered(name, await this.#native.quick(name, this.#handle, ...inputs));
  }

  /** @param mayWait the operation is known to be no action: that it waits for somebody is an answer then */
  async read(mayWait: boolean, options: CallOptions & Limits, inputs: (json: string | null) => unknown[]): Promise<unknown> {
    const reply = await this.blocking('cordon_call', options, inputs);
    if (mayWait && reply.status === Status.PENDING) return reply.output;
    return this.#answered('cordon_call', reply);
  }

  async submit(operation: string, request: string): Promise<string> {
    const { status, output } = await this.#native.quick('cordon_submit', this.#handle, operation, request);
    const requestId = output as string | null;
    if (status !== Status.OK || requestId === null) {
      throw noSuccess('cordon_submit', this.#conditionName(status), status, { requestId });
    }
    return requestId;
  }

  async eventAfter(options: object, news: Subscription): Promise<CordonEvent | null> {
    try {
      const reply = await this.#native.quick('cordon_next_event', this.#handle, JSON.stringify(options), NO_TIME);
      if (reply.status === Status.NO_EVENT) return null;
      return eventOf(JSON.parse(this.#answered('cordon_next_event', reply) as string));
    } catch (error) {
      throw news.told(error);
    }
  }

  async act(name: FunctionName, options: CallOptions & Limits, inputs: (json: string | null) => unknown[]): Promise<ActionResult> {
    return this.result(await this.blocking(name, options, inputs));
  }

  /** A call that may wait, so that its signal interrupts it and the time in the queue counts. */
  async blocking(name: FunctionName, options: CallOptions & Limits, inputs: (json: string | null) => unknown[]): Promise<Reply> {
    const { timeoutMs, signal, ...rest } = options;
    const time = milliseconds(timeoutMs, 'timeoutMs');
    const callId = rest.callId ?? (signal ? randomUUID() : undefined);
    // Now, not when the call's turn comes: the host may use its objects for the next call meanwhile.
    const texts = inputs(optionsText({ ...rest, callId }));
    signal?.throwIfAborted();
    const queued = performance.now();
    let interruption: Interruption | undefined;
    const begin = () => {
      if (signal && callId) interruption = new Interruption(this.#native, this.#handle, callId, signal);
      // At least one: the library then says that the time is over, in its own words.
      const left = time <= 0 ? time : Math.max(A_MOMENT, Math.ceil(time - (performance.now() - queued)));
      return [this.#handle, ...texts, left];
    };
    try {
      return await this.#native.blocking(name, begin, signal);
    } catch (error) {
      const interrupted = error instanceof CordonError && error.status === Status.INTERRUPTED;
      throw interrupted && signal?.aborted ? signal.reason : error;
    } finally {
      interruption?.end();
    }
  }

  private result({ status, output }: Reply): ActionResult {
    const action = actionOf(JSON.parse(output as string));
    if (status === Status.OK) return { kind: 'succeeded', code: 'CORDON_OK', action };
    if (status === Status.PENDING) return { kind: 'pending', code: 'CORDON_PENDING', action };
    return { kind: 'not_done', code: this.#conditionName(status) as ConditionCode, action };
  }

  #answered(name: FunctionName, { status, output }: Reply): unknown {
    if (status !== Status.OK) throw noSuccess(name, this.#conditionName(status), status);
    return output;
  }

  #conditionName(status: number): string {
    return this.#native.now('cordon_status_name', status) as string;
  }

  async pollNow(id: string, wait: number, options: string | null = null): Promise<ActionResult> {
    return this.result(await this.#native.quick('cordon_poll_action', this.#handle, id, options, wait));
  }

  /**
   * Asks with a wait, if only for a moment: that makes the library look for a request that nobody works on. An id that
   * the ledger does not know fails before the service is asked.
   */
  async attend(id: string): Promise<ActionResult> {
    try {
      const known = await this.pollNow(id, NO_TIME);
      if (known.kind !== 'pending') return known;
    } catch (error) {
      if (!(error instanceof OutcomeUnknownError)) throw error;
    }
    return this.pollNow(id, A_MOMENT);
  }

  /**
   * Hands the bytes over in memory of their own, outside V8's heap, and wipes both: a short array lies inside it, and
   * giving it to native code would move it out and leave a copy behind that nobody can wipe.
   */
  async withSecret(secret: Uint8Array, name: FunctionName, inputs: (bytes: Uint8Array, length: number) => unknown[]): Promise<void> {
    if (!(secret instanceof Uint8Array)) throw new TypeError('a secret is given as bytes, in a Uint8Array');
    const bytes = new Uint8Array(new ArrayBuffer(secret.length));
    bytes.set(secret);
    secret.fill(0);
    try {
      await this.quick(name, ...inputs(bytes, bytes.length));
    } finally {
      bytes.fill(0);
    }
  }
}
