import { Calls, NO_TIME } from './calls.js';
import type { ActingOperation, CallOptions, CordonEvent, ReadingOperation } from './contract.js';
import { OutcomeUnknownError } from './errors.js';
import { checked, milliseconds, Native } from './native.js';
import { EventPump, newsWithin } from './pump.js';
import { configText, optionsText, requestOf } from './requests.js';
import type { ActionResult, Limits } from './results.js';

const LOOK_AGAIN_MS = 30_000;
const LOOK_AGAIN_FOR_UNKNOWN_MS = 1000;

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

type Parameters = Readonly<Record<string, unknown>>;
type Operation = { name: string; kind: string; result: string };

/**
 * A client of Cordon. End it with close().
 *
 * Aborting a signal wakes the call and changes nothing at the service: a request of which no byte has left is then not
 * sent, and the promise rejects with the signal's reason; if bytes may have left it rejects with an OutcomeUnknownError.
 */
export class Client {
  readonly #calls: Calls;
  readonly #pump: EventPump;
  readonly #firstCursor: number;
  readonly #operations: Map<string, Operation>;
  /** Cursor of the last event that nextEvent() gave; the pump has one of its own. */
  #lastRead = 0;
  #closing: Promise<void> | null = null;

  private constructor(native: Native, handle: unknown, cursor: number) {
    this.#calls = new Calls(native, handle);
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
      const output = await new Calls(native, handle).quick('cordon_call', 'health', null, milliseconds(undefined, ''));
      const health = JSON.parse(output as string) as { ledger?: { newest_record?: number } };
      return new Client(native, handle, health.ledger?.newest_record ?? 0);
    } catch (error) {
      await native.quick('cordon_client_free', handle);
      throw error;
    }
  }

  /** Takes over a changed configuration; on an error the old one stays. */
  async reload(config?: string | object | null): Promise<void> {
    await this.#calls.quick('cordon_reload', configText(config));
  }

  /**
   * Refuses new work, takes back calls that have sent nothing, leaves the rest to the ledger. Calls that wait end with
   * CORDON_E_SHUTTING_DOWN.
   */
  async shutdown(options: { timeoutMs?: number } = {}): Promise<void> {
    await this.#calls.quick('cordon_shutdown', milliseconds(options.timeoutMs, 'timeoutMs'));
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
    return this.#calls.act('cordon_restrict_code_execution', options, (json) => [...texts, json]);
  }

  /**
   * Stops a running file on a device, quarantines it and removes its persistence. There is no undo by API. All else as
   * restrictCodeExecution.
   *
   * @param sha1 the file's SHA-1: 40 hex digits; the service takes no SHA-256 or MD5 here
   */
  stopAndQuarantine(machineId: string, sha1: string, comment: string, options: CallOptions & Limits = {}): Promise<ActionResult> {
    const texts = [checked(machineId, 'machineId'), checked(sha1, 'sha1'), checked(comment, 'comment')];
    return this.#calls.act('cordon_stop_and_quarantine', options, (json) => [...texts, json]);
  }

  /**
   * Any operation that acts on a device. All else as restrictCodeExecution.
   *
   * @param parameters as plugin_manifest/operations.json names them
   */
  async act(operation: ActingOperation, parameters: Parameters, options: CallOptions & Limits = {}): Promise<ActionResult> {
    checked(operation, 'operation');
    if (this.#reads(operation)) throw new TypeError(`${operation} does not act on a device; use read()`);
    return this.#calls.act('cordon_call', options, (json) => [operation, requestOf(parameters, json)]);
  }

  /**
   * Any operation that reads, at the service or in the ledger. Resolves with the operation's result. A sign-in that waits
   * for its person ('login', 'login_status') is a result, whose state is 'waiting'.
   */
  async read(operation: ReadingOperation, parameters: Parameters = {}, options: CallOptions & Limits = {}): Promise<unknown> {
    checked(operation, 'operation');
    if (this.#answersWithAction(operation)) throw new TypeError(`${operation} answers with an action; use act() or poll()`);
    const output = await this.#calls.read(this.#reads(operation), options, (json) => [operation, requestOf(parameters, json)]);
    return JSON.parse(output as string);
  }

  /**
   * Records a request durably and resolves with its id: recorded, not done. It is sent in the background, by this
   * process or the next one, until validForMs (15 minutes) is over. The way to act on many devices at once.
   */
  async submit(operation: ActingOperation, parameters: Parameters, options: CallOptions = {}): Promise<string> {
    checked(operation, 'operation');
    return this.#calls.submit(operation, requestOf(parameters, optionsText(options)));
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
    if (waitMs === NO_TIME) return this.#calls.pollNow(id, NO_TIME, optionsText(rest));
    return this.#calls.act('cordon_poll_action', { ...rest, timeoutMs: waitMs, signal }, (json) => [id, json]);
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
    const end = limits.timeoutMs === undefined ? null : performance.now() + milliseconds(limits.timeoutMs, 'timeoutMs');
    let news = this.#pump.subscribe(id);
    let attend = true;
    try {
      while (true) {
        signal?.throwIfAborted();
        const next = news.news;
        let result: ActionResult | null = null;
        let unknown: OutcomeUnknownError | null = null;
        try {
          result = await (attend ? this.#calls.attend(id) : this.#calls.pollNow(id, NO_TIME));
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
        const left = end === null ? Infinity : end - performance.now();
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
        const event = await this.#calls.eventAfter({ ...rest, after: cursor }, news);
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
    const end = performance.now() + milliseconds(waitMs, 'waitMs');
    const news = this.#pump.subscribe(null);
    try {
      while (true) {
        signal?.throwIfAborted();
        const next = news.news;
        const event = await this.#calls.eventAfter({ ...rest, after }, news);
        if (event) this.#lastRead = event.cursor;
        if (event || performance.now() >= end) return event;
        await newsWithin(next, end - performance.now(), signal);
      }
    } finally {
      news.end();
    }
  }

  /** Takes back a request of which no byte has left, else CORDON_E_INVALID_STATE. Changes nothing at the service. */
  async withdraw(requestId: string): Promise<void> {
    await this.#calls.quick('cordon_withdraw', checked(requestId, 'requestId'));
  }

  /** Wakes the waiting call that carries this callId, for a host that cannot hand a signal around. */
  async interrupt(callId: string): Promise<void> {
    await this.#calls.quick('cordon_interrupt', checked(callId, 'callId'));
  }

  /** Offers a key (32 bytes, or 64 hex digits) or a passphrase for the vault. `secret` is wiped at once. */
  async unlockVault(kind: 'key' | 'passphrase', secret: Uint8Array): Promise<void> {
    await this.#calls.withSecret(secret, 'cordon_vault_unlock', (bytes, length) => [checked(kind, 'kind'), bytes, length]);
  }

  /** Stores a secret, replacing an older one; the first makes the vault file. `value` is wiped at once. */
  async setSecret(name: string, value: Uint8Array): Promise<void> {
    await this.#calls.withSecret(value, 'cordon_secret_set', (bytes, length) => [checked(name, 'name'), bytes, length]);
  }

  async removeSecret(name: string): Promise<void> {
    await this.#calls.quick('cordon_secret_remove', checked(name, 'name'));
  }

  /** The names of the secrets and the key slots, never a value. */
  async vaultStatus(): Promise<unknown> {
    const output = await this.#calls.quick('cordon_vault_status');
    return JSON.parse(output as string);
  }

  /** Changes the vault's key slots or rotates its store key. `newSecret` is wiped at once. */
  async rekeyVault(what: object | null, newSecret: Uint8Array, options: { timeoutMs?: number } = {}): Promise<void> {
    await this.#calls.withSecret(newSecret, 'cordon_vault_rekey', (bytes, length) => [
      what && JSON.stringify(what), bytes, length, milliseconds(options.timeoutMs, 'timeoutMs'),
    ]);
  }

  async #close(): Promise<void> {
    try {
      await this.shutdown();
    } finally {
      this.#pump.end();
      await this.#calls.quick('cordon_client_free');
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
}
