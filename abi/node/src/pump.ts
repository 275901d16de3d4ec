import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { Status } from './contract.js';
import { clientEnded, CordonError } from './errors.js';
import type { Native } from './native.js';

const PAUSE_AFTER_ERROR_MS = 1000;

/** Waits for records of the journal by the client's one descriptor, however many promises wait for them. */
export class EventPump {
  readonly #native: Native;
  readonly #handle: unknown;
  readonly #byRequest = new Map<string, Set<Subscription>>();
  readonly #toAll = new Set<Subscription>();
  #cursor: number;
  #socket: Socket | null = null;
  #starting: Promise<void> | null = null;
  #reading = false;
  #readAgain = false;
  #ended = false;

  /** Reads behind `cursor`. */
  constructor(native: Native, handle: unknown, cursor: number) {
    this.#native = native;
    this.#handle = handle;
    this.#cursor = cursor;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Woken at each record about this request; without one at each record. The process stays alive as long as it lasts. */
  subscribe(requestId: string | null): Subscription {
    const subscription = new Subscription(this, requestId);
    this.#setOf(requestId).add(subscription);
    if (this.#ended) subscription.wake();
    else this.#starting ??= this.#start();
    this.#socket?.ref();
    return subscription;
  }

  unsubscribe(subscription: Subscription): void {
    const set = this.#setOf(subscription.requestId);
    set.delete(subscription);
    if (subscription.requestId !== null && set.size === 0) this.#byRequest.delete(subscription.requestId);
    if (this.#isUnused()) this.#socket?.unref();
  }

  /** The client has ended: whoever waits is woken and learns it when asking the library. */
  end(): void {
    this.#ended = true;
    this.#socket?.destroy();
    this.#wakeEverybody();
  }

  #setOf(requestId: string | null): Set<Subscription> {
    if (requestId === null) return this.#toAll;
    let set = this.#byRequest.get(requestId);
    if (!set) this.#byRequest.set(requestId, (set = new Set()));
    return set;
  }

  #isUnused(): boolean {
    return this.#toAll.size === 0 && this.#byRequest.size === 0;
  }

  async #start(): Promise<void> {
    try {
      const { output } = await this.#native.quick('cordon_event_fd', this.#handle);
      this.#socket = socketOf(output as number);
    } catch {
      this.#startLater();
      return;
    }
    this.#socket.on('error', () => undefined); // 'close' follows
    this.#socket.on('close', () => this.#startLater());
    this.#socket.on('data', () => void this.#read());
    if (this.#ended) this.#socket.destroy();
    if (this.#isUnused()) this.#socket.unref();
    await this.#read();
  }

  /** There is no descriptor, for instance with too many files open: meanwhile each who waits asks the library himself. */
  #startLater(): void {
    this.#socket = null;
    this.#wakeEverybody();
    if (this.#ended) return;
    setTimeout(() => {
      this.#starting = this.#ended || this.#isUnused() ? null : this.#start();
    }, PAUSE_AFTER_ERROR_MS);
  }

  /** Reads until there is nothing more; what is said meanwhile is read too. */
  async #read(): Promise<void> {
    this.#readAgain = true;
    if (this.#reading) return;
    this.#reading = true;
    while (this.#readAgain && !this.#ended) {
      this.#readAgain = false;
      try {
        while (await this.#readOne());
      } catch (error) {
        if (error instanceof CordonError && error.status === Status.SHUTTING_DOWN) this.end();
        this.#wakeEverybody();
        if (!this.#ended) setTimeout(() => void this.#read(), PAUSE_AFTER_ERROR_MS).unref();
      }
    }
    this.#reading = false;
  }

  async #readOne(): Promise<boolean> {
    const options = JSON.stringify({ after: this.#cursor, scope: 'all' });
    const { output } = await this.#native.quick('cordon_next_event', this.#handle, options, 0);
    if (output === null) return false;
    const record = JSON.parse(output as string) as { cursor: number; request_id?: string | null };
    this.#cursor = record.cursor;
    for (const subscription of this.#toAll) subscription.wake();
    if (record.request_id) for (const subscription of this.#byRequest.get(record.request_id) ?? []) subscription.wake();
    return true;
  }

  #wakeEverybody(): void {
    for (const subscription of this.#toAll) subscription.wake();
    for (const set of this.#byRequest.values()) for (const subscription of set) subscription.wake();
  }
}

/** Owns the descriptor. */
function socketOf(fd: number): Socket {
  try {
    return new Socket({ fd, readable: true, writable: false });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

export class Subscription {
  readonly requestId: string | null;
  readonly #pump: EventPump;
  #news!: Promise<void>;
  #wake!: () => void;

  constructor(pump: EventPump, requestId: string | null) {
    this.#pump = pump;
    this.requestId = requestId;
    this.wake();
  }

  /** Ends with the next news. Take it before asking the library where things stand, so that nothing is missed. */
  get news(): Promise<void> {
    return this.#news;
  }

  wake(): void {
    this.#wake?.();
    this.#news = new Promise((resolve) => (this.#wake = resolve));
  }

  end(): void {
    this.#pump.unsubscribe(this);
  }

  /** An error of the library as a waiter should see it. */
  told(error: unknown): unknown {
    const ended = error instanceof CordonError && error.status === Status.INVALID_HANDLE && this.#pump.ended;
    return ended ? clientEnded() : error;
  }
}

/** Until the news come, the time is over, or the signal is given; which of them does not matter. */
export async function newsWithin(news: Promise<void>, time: number | null, signal?: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let abort: (() => void) | undefined;
  const ways = [news];
  if (time !== null) ways.push(new Promise((resolve) => (timer = setTimeout(resolve, time))));
  if (signal) {
    ways.push(
      new Promise((resolve) => {
        abort = resolve;
        if (signal.aborted) resolve();
        signal.addEventListener('abort', resolve as () => void, { once: true });
      }),
    );
  }
  try {
    await Promise.race(ways);
  } finally {
    clearTimeout(timer);
    if (abort) signal?.removeEventListener('abort', abort);
  }
}
