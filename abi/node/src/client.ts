import { randomUUID } from 'node:crypto';
import { Status, type Action, type ActingOperation, type CallOptions, type ConditionCode, type CordonEvent,
         type ReadingOperation } from './contract.js';
import { actionOf, eventOf, optionsOf } from './documents.js';
import { CordonError, OutcomeUnknownError } from './errors.js';
import { checked, milliseconds, Native, type FunctionName, type Reply } from './native.js';
import { EventPump, newsWithin, type Subscription } from './pump.js';

const LOOK_AGAIN_MS = 30_000;
const LOOK_AGAIN_FOR_UNKNOWN_MS = 1000;
const INTERRUPT_PACE_MS = 5;
const NO_TIME = 0;
const A_MOMENT = 1;

/**
 * What is known of an action. There is no "ok": a caller looks at `kind`, and the compiler sees to it that none is left
 * out.
 */
export type ActionResult =
  /** The service said that the device did it. */
  | { readonly kind: 'succeeded'; readonly code: 'CORDON_OK'; readonly action: Action }
  /** The service, or Cordon, holds the request; it has not ended. Nothing is contained yet. */
  | { readonly kind: 'pending'; readonly code: 'CORDON_PENDING'; readonly action: Action }
  /** It ended otherwise: failed, given up, cancelled, rejected, never sent, or only checked. */
  | { readonly kind: 'not_done'; readonly code: ConditionCode; readonly action: Action };

/** How a call may end early. Neither ever takes a request back of which a byte has left. */
export interface Limits {
  /** The deadline; left out: the configured one. */
  timeoutMs?: number;
  /** Wakes the call and changes nothing at the service. */
  signal?: AbortSignal;
}

export interface OpenOptions {
  /** File to load instead of libcordon.so.1 from where the system's loader finds it. */
  library?: string;
}

export interface EventOptions {
  /** Cursor of the last event that is known already. */
  after?: number;
  /** Records of this client, or of everybody who works on the same ledger. */
  scope?: 'client' | 'all';
  /** Ends the iteration, or the wait. */
  signal?: AbortSignal;
}

type Parameters_ = Readonly<Record<string, unknown>>;
type Operation = { name: string; kind: string; result: string };

/**
 * A client of Cordon. End it with close().
 *
 * Aborting a signal wakes the call and changes nothing at the service: a request of which no byte has left is then not
 * sent, and the promise rejects with the signal's reason; if bytes may have left it rejects with an OutcomeUnknownError.
 */
export class Client {
  readonly #native: Native;
  readonly #handle: unknown;
  readonly #pump: EventPump;
  readonly #firstCursor: number;
  readonly #operations: Map<string, Operation>;
  /** Cursor of the last event that nextEvent() gave; the pump has one of its own. */
  #lastRead = 0;
  #closing: Promise<void> | null = null;

  private constructor(native: Native, handle: unknown, cursor: number) {
    this.#native = native;
    this.#handle = handle;
    this.#firstCursor = cursor;
    this.#pump = new EventPump(native, handle, cursor);
    const manifest = JSON.parse(native.now('cordon_manifest') as string) as { operations: { operations: Operation[] } };
    this.#operations = new Map(manifest.operations.operations.map((operation) => [operation.name, operation]));
  }

  /**
   * Opens a client: reads configuration, vault and ledger, recovers what an earlier process left unfinished.
   *
   * @param config the configuration, as JSON text or object; left out: the file named by $CORDON_CONFIG, then
   *   /etc/cordon/cordon.json
   */
  static async open(config?: string | object | null, options: OpenOptions = {}): Promise<Client> {
    const native = Native.load(options.library);
    const handle = await native.open(configText(config));
    try {
      const { output } = await native.quick('cordon_call', handle, 'health', null, milliseconds(undefined, ''));
      const health = JSON.parse(output as string) as { ledger?: { newest_record?: number } };
      return new Client(native, handle, health.ledger?.newest_record ?? 0);
    } catch (error) {
      await native.quick('cordon_client_free', handle);
      throw error;
    }
  }

  /** Takes over a changed configuration; on an error the old one stays. */
  async reload(config?: string | object | null): Promise<void> {
    await this.#native.quick('cordon_reload', this.#handle, configText(config));
  }

  /**
   * Refuses new work, takes back calls that have sent nothing, leaves the rest to the ledger. Calls that wait end with
   * CORDON_E_SHUTTING_DOWN.
   */
  async shutdown(options: { timeoutMs?: number } = {}): Promise<void> {
    await this.#native.quick('cordon_shutdown', this.#handle, milliseconds(options.timeoutMs, 'timeoutMs'));
    this.#pump.end();
  }

  /** Shuts the client down with the configured time-out and ends it. May be called again. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Restricts app execution on a device: only programs signed by a Microsoft-issued certificate may start afterwards.
   * Resolves when the service holds the action; follow() waits for its end.
   *
   * @param machineId the device's id at the service: 40 hex digits
   * @param comment why; stored by the service with the action
   * @throws OutcomeUnknownError bytes may have left and no answer came: do not repeat, follow
   * @throws CordonError nothing was sent and nothing will be, or the service refused
   */
  restrictCodeExecution(machineId: string, comment: string, options: CallOptions & Limits = {}): Promise<ActionResult> {
    const texts = [checked(machineId, 'machineId'), checked(comment, 'comment')];
    return this.#act('cordon_restrict_code_execution', options, (json) => [...texts, json]);
  }

  /**
   * Stops a running file on a device, quarantines it and removes its persistence. There is no undo by API. All else as
   * restrictCodeExecution.
   *
   * @param sha1 the file's SHA-1: 40 hex digits; the service takes no SHA-256 or MD5 here
   */
  stopAndQuarantine(machineId: string, sha1: string, comment: string, options: CallOptions & Limits = {}): Promise<ActionResult> {
    const texts = [checked(machineId, 'machineId'), checked(sha1, 'sha1'), checked(comment, 'comment')];
    return this.#act('cordon_stop_and_quarantine', options, (json) => [...texts, json]);
  }

  /**
   * Any operation that acts on a device. All else as restrictCodeExecution.
   *
   * @param parameters as plugin_manifest/operations.json names them
   */
  async act(operation: ActingOperation, parameters: Parameters_, options: CallOptions & Limits = {}): Promise<ActionResult> {
    checked(operation, 'operation');
    if (this.#reads(operation)) throw new TypeError(`${operation} does not act on a device; use read()`);
    return this.#act('cordon_call', options, (json) => [operation, requestOf(parameters, json)]);
  }

  /** Any operation that reads, at the service or in the ledger. Resolves with the operation's result. */
  async read(operation: ReadingOperation, parameters: Parameters_ = {}, options: CallOptions & Limits = {}): Promise<unknown> {
    checked(operation, 'operation');
    if (this.#answersWithAction(operation)) throw new TypeError(`${operation} answers with an action; use act() or poll()`);
    const { output } = await this.#blocking('cordon_call', options, (json) => [operation, requestOf(parameters, json)]);
    return JSON.parse(output as string);
  }

  /**
   * Records a request durably and resolves with its id: recorded, not done. It is sent in the background, by this
   * process or the next one, until validForMs (15 minutes) is over. The way to act on many devices at once.
   */
  async submit(operation: ActingOperation, parameters: Parameters_, options: CallOptions = {}): Promise<string> {
    checked(operation, 'operation');
    const { output } = await this.#native.quick('cordon_submit', this.#handle, operation, requestOf(parameters, optionsText(options)));
    return output as string;
  }

  /**
   * Tells where an action stands.
   *
   * @param id the service's action id, or a request id
   * @param options waitMs: how long to wait for its end, holding one of few threads; left out: what the ledger knows
   * @throws OutcomeUnknownError it is not known whether the request arrived
   */
  async poll(id: string, options: CallOptions & { waitMs?: number; signal?: AbortSignal } = {}): Promise<ActionResult> {
    checked(id, 'id');
    const { waitMs = NO_TIME, signal, ...rest } = options;
    if (waitMs === NO_TIME) return this.#pollNow(id, NO_TIME, optionsText(rest));
    return this.#act('cordon_poll_action', { ...rest, timeoutMs: waitMs, signal }, (json) => [id, json]);
  }

  /**
   * Follows a request to its end. Holds no thread: thousands may be followed at once.
   *
   * @param what a request id, the id of an action that the ledger knows, or a result: one that is pending is followed,
   *   any other comes back as it is
   * @param limits timeoutMs left out: until it ends or the signal is given
   * @returns how it ended; 'pending' if the time was over first
   * @throws OutcomeUnknownError the time was over and it is still not known whether it arrived
   */
  async follow(what: string | ActionResult, limits: Limits = {}): Promise<ActionResult> {
    if (typeof what !== 'string' && what.kind !== 'pending') return what;
    const id = typeof what === 'string' ? checked(what, 'what') : (what.action.requestId ?? what.action.actionId ?? '');
    const { signal } = limits;
    const end = limits.timeoutMs === undefined ? null : Date.now() + milliseconds(limits.timeoutMs, 'timeoutMs');
    let news = this.#pump.subscribe(id);
    let attend = true;
    try {
      while (true) {
        signal?.throwIfAborted();
        const next = news.news;
        let result: ActionResult | null = null;
        let unknown: OutcomeUnknownError | null = null;
        try {
          result = await (attend ? this.#attend(id) : this.#pollNow(id, NO_TIME));
        } catch (error) {
          if (!(error instanceof OutcomeUnknownError)) throw news.told(error);
          unknown = error;
        }
        attend = unknown !== null;
        if (result && result.kind !== 'pending') return result;
        if (result?.action.requestId && result.action.requestId !== news.requestId) {
          news.end();
          news = this.#pump.subscribe(result.action.requestId);
          continue;
        }
        const left = end === null ? Infinity : end - Date.now();
        if (left <= 0) {
          if (result) return result;
          throw unknown;
        }
        await newsWithin(next, Math.min(left, unknown ? LOOK_AGAIN_FOR_UNKNOWN_MS : LOOK_AGAIN_MS), signal);
      }
    } finally {
      news.end();
    }
  }

  /**
   * The journal's records, one after the other, then those to come, until the signal is given or the loop is left.
   * Nothing is dropped and nobody else misses what is read here; a reader that was killed goes on from the cursor it
   * kept. Holds no thread.
   *
   * @param options after left out: those since this client was opened
   */
  async *events(options: EventOptions = {}): AsyncGenerator<CordonEvent, void, void> {
    const { signal, after = this.#firstCursor, ...rest } = options;
    let cursor = after;
    const news = this.#pump.subscribe(null);
    try {
      while (!signal?.aborted) {
        const next = news.news;
        const event = await this.#eventAfter({ ...rest, after: cursor }, news);
        if (!event) {
          await newsWithin(next, null, signal);
          continue;
        }
        cursor = event.cursor;
        yield event;
      }
    } finally {
      news.end();
    }
  }

  /**
   * Reads one event. Nothing is consumed: whoever asks with the same cursor gets the same event. Holds no thread.
   *
   * @param options after left out: behind the last one that was read by this method; waitMs: how long to wait for one,
   *   left out: only what is there
   * @returns null when there was none within the time
   */
  async nextEvent(options: EventOptions & { waitMs?: number } = {}): Promise<CordonEvent | null> {
    const { signal, waitMs = NO_TIME, after = this.#lastRead, ...rest } = options;
    const end = Date.now() + milliseconds(waitMs, 'waitMs');
    const news = this.#pump.subscribe(null);
    try {
      while (true) {
        signal?.throwIfAborted();
        const next = news.news;
        const event = await this.#eventAfter({ ...rest, after }, news);
        if (event) this.#lastRead = event.cursor;
        if (event || Date.now() >= end) return event;
        await newsWithin(next, end - Date.now(), signal);
      }
    } finally {
      news.end();
    }
  }

  /** Takes back a request of which no byte has left, else CORDON_E_INVALID_STATE. Changes nothing at the service. */
  async withdraw(requestId: string): Promise<void> {
    await this.#native.quick('cordon_withdraw', this.#handle, checked(requestId, 'requestId'));
  }

  /** Wakes the waiting call that carries this callId, for a host that cannot hand a signal around. */
  async interrupt(callId: string): Promise<void> {
    await this.#native.quick('cordon_interrupt', this.#handle, checked(callId, 'callId'));
  }

  /** Offers a key (32 bytes, or 64 hex digits) or a passphrase for the vault. `secret` is wiped at once. */
  async unlockVault(kind: 'key' | 'passphrase', secret: Uint8Array): Promise<void> {
    await this.#withSecret(secret, 'cordon_vault_unlock', (bytes, length) => [checked(kind, 'kind'), bytes, length]);
  }

  /** Stores a secret, replacing an older one; the first makes the vault file. `value` is wiped at once. */
  async setSecret(name: string, value: Uint8Array): Promise<void> {
    await this.#withSecret(value, 'cordon_secret_set', (bytes, length) => [checked(name, 'name'), bytes, length]);
  }

  async removeSecret(name: string): Promise<void> {
    await this.#native.quick('cordon_secret_remove', this.#handle, checked(name, 'name'));
  }

  /** The names of the secrets and the key slots, never a value. */
  async vaultStatus(): Promise<unknown> {
    const { output } = await this.#native.quick('cordon_vault_status', this.#handle);
    return JSON.parse(output as string);
  }

  /** Changes the vault's key slots or rotates its store key. `newSecret` is wiped at once. */
  async rekeyVault(what: object | null, newSecret: Uint8Array, options: { timeoutMs?: number } = {}): Promise<void> {
    const time = milliseconds(options.timeoutMs, 'timeoutMs');
    const text = what && JSON.stringify(what);
    await this.#withSecret(newSecret, 'cordon_vault_rekey', (bytes, length) => [text, bytes, length, time]);
  }

  async #close(): Promise<void> {
    try {
      await this.shutdown();
    } finally {
      this.#pump.end();
      await this.#native.quick('cordon_client_free', this.#handle);
    }
  }

  async #eventAfter(options: object, news: Subscription): Promise<CordonEvent | null> {
    try {
      const { output } = await this.#native.quick('cordon_next_event', this.#handle, JSON.stringify(options), NO_TIME);
      return output === null ? null : eventOf(JSON.parse(output as string));
    } catch (error) {
      throw news.told(error);
    }
  }

  #operation(name: string): Operation | undefined {
    return this.#operations.get(name); // undefined: the library refuses it itself
  }

  /** Its status tells how an action stands, unlike that of get_action, which says that there is an answer. */
  #answersWithAction(name: string): boolean {
    const operation = this.#operation(name);
    return operation?.kind === 'action' || (operation?.kind === 'local' && operation.result === 'action');
  }

  #reads(name: string): boolean {
    return this.#operation(name) !== undefined && !this.#answersWithAction(name);
  }

  async #act(name: FunctionName, options: CallOptions & Limits, inputs: (json: string | null) => unknown[]): Promise<ActionResult> {
    return this.#result(await this.#blocking(name, options, inputs));
  }

  /** A call that may wait, so that its signal interrupts it and the time in the queue counts. */
  async #blocking(name: FunctionName, options: CallOptions & Limits, inputs: (json: string | null) => unknown[]): Promise<Reply> {
    const { timeoutMs, signal, ...rest } = options;
    const time = milliseconds(timeoutMs, 'timeoutMs');
    const callId = rest.callId ?? (signal ? randomUUID() : undefined);
    const json = optionsText({ ...rest, callId });
    signal?.throwIfAborted();
    const queued = Date.now();
    let interruption: Interruption | undefined;
    const begin = () => {
      if (signal && callId) interruption = new Interruption(this.#native, this.#handle, callId, signal);
      // At least one: the library then says that the time is over, in its own words.
      const left = time <= 0 ? time : Math.max(A_MOMENT, time - (Date.now() - queued));
      return [this.#handle, ...inputs(json), left];
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

  #result({ status, output }: Reply): ActionResult {
    const action = actionOf(JSON.parse(output as string));
    if (status === Status.OK) return { kind: 'succeeded', code: 'CORDON_OK', action };
    if (status === Status.PENDING) return { kind: 'pending', code: 'CORDON_PENDING', action };
    return { kind: 'not_done', code: this.#native.now('cordon_status_name', status) as ConditionCode, action };
  }

  async #pollNow(id: string, wait: number, options: string | null = null): Promise<ActionResult> {
    return this.#result(await this.#native.quick('cordon_poll_action', this.#handle, id, options, wait));
  }

  /**
   * Asks with a wait, if only for a moment: that makes the library look for a request that nobody works on. An id that
   * the ledger does not know fails before the service is asked.
   */
  async #attend(id: string): Promise<ActionResult> {
    try {
      const known = await this.#pollNow(id, NO_TIME);
      if (known.kind !== 'pending') return known;
    } catch (error) {
      if (!(error instanceof OutcomeUnknownError)) throw error;
    }
    return this.#pollNow(id, A_MOMENT);
  }

  /**
   * Hands the bytes over in memory of their own, outside V8's heap, and wipes both: a short array lies inside it, and
   * giving it to native code would move it out and leave a copy behind that nobody can wipe.
   */
  async #withSecret(secret: Uint8Array, name: FunctionName, inputs: (bytes: Uint8Array, length: number) => unknown[]): Promise<void> {
    if (!(secret instanceof Uint8Array)) throw new TypeError('a secret is given as bytes, in a Uint8Array');
    const bytes = new Uint8Array(new ArrayBuffer(secret.length));
    bytes.set(secret);
    secret.fill(0);
    try {
      await this.#native.quick(name, this.#handle, ...inputs(bytes, bytes.length));
    } finally {
      bytes.fill(0);
    }
  }
}

/**
 * Carries an abort to the call of this id, by cordon_interrupt. A call that has not got into the library yet is
 * interrupted once it has.
 */
class Interruption {
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

function configText(config: string | object | null | undefined): string | null {
  if (config === undefined || config === null) return null;
  return typeof config === 'string' ? checked(config, 'config') : JSON.stringify(config);
}

function optionsText(options: object): string | null {
  const json = optionsOf(options);
  return Object.keys(json).length === 0 ? null : JSON.stringify(json);
}

/** An operation's parameters together with the options. */
function requestOf(parameters: Parameters_, options: string | null): string {
  if (options === null) return JSON.stringify(parameters);
  if ('options' in parameters) throw new TypeError('options are given twice: as an argument and among the parameters');
  return JSON.stringify({ ...parameters, options: JSON.parse(options) });
}
