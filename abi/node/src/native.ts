import koffi, { type KoffiFunc, type LibraryHandle, type TypeObject } from 'koffi';
import { functions, HOST_ABI, LIBRARY, Status, type Kind } from './contract.js';
import { errorDocumentOf } from './documents.js';
import { errorOf } from './errors.js';
import { Lane } from './lanes.js';

export type FunctionName = keyof typeof functions;

type NativeFunction = KoffiFunc<(...args: unknown[]) => unknown>;

/** What a call gave back when it did not fail: its status and its one output. */
export interface Reply {
  readonly status: number;
  readonly output: unknown;
}

const OUT = 'out ';

/** As libuv reads it: what is set and no number is one. */
function threadsOfPool(set: string | undefined): number {
  return set === undefined ? 4 : Math.max(1, parseInt(set, 10) || 1);
}

/**
 * Koffi runs calls on the thread pool of libuv, which the host needs for files and names too: half of it stays free. The
 * pool is one for the process, this module one for each worker.
 */
const poolSize = threadsOfPool(process.env['UV_THREADPOOL_SIZE']);
const BLOCKING_CALLS = Math.floor(poolSize / 2);
/** Below the number at which koffi refuses. */
const QUICK_CALLS = 64;

/** The library, its functions by name. Nothing here blocks the event loop but what says so. */
export class Native {
  static #loaded = new Map<string, Native>();

  readonly #functions = new Map<string, NativeFunction>();
  readonly #blocking = new Lane(BLOCKING_CALLS);
  readonly #quick = new Lane(QUICK_CALLS);
  readonly library: LibraryHandle;

  /** `path`: a file, or nothing for libcordon.so.1 from where the system's loader finds it. */
  static load(path: string = LIBRARY): Native {
    let native = Native.#loaded.get(path);
    if (!native) Native.#loaded.set(path, (native = new Native(path)));
    return native;
  }

  private constructor(path: string) {
    this.library = koffi.load(path);
    const free = this.library.func('cordon_string_free', 'void', ['void *']);
    const types: Record<Kind, unknown> = {
      int32_t: 'int32_t',
      uint32_t: 'uint32_t',
      size_t: 'size_t',
      void: 'void',
      text: 'str',
      bytes: 'void *',
      pointer: 'void *',
      'out int32_t': koffi.out(koffi.pointer('int32_t')),
      'out pointer': koffi.out(koffi.pointer('void *')),
      'out owned text': koffi.out(koffi.pointer(koffi.disposable('str', free))),
    };
    for (const [name, [returns, params]] of Object.entries(functions) as Array<[string, [Kind, Kind[]]]>) {
      const declared = params.map((kind) => types[kind]) as TypeObject[];
      this.#functions.set(name, this.library.func(name, types[returns] as TypeObject, declared) as NativeFunction);
    }
  }

  /** Calls at once, on this thread; for functions that neither wait nor touch a file. */
  now(name: FunctionName, ...inputs: unknown[]): unknown {
    return this.#function(name)(...inputs);
  }

  /** A call that takes milliseconds. `inputs`: the parameters without the outputs, which come last. */
  quick(name: FunctionName, ...inputs: unknown[]): Promise<Reply> {
    return this.#quick.run(() => this.#call(name, inputs));
  }

  /**
   * A call that may wait until its deadline; few run at once. `inputs` is asked when the call's turn has come. `signal`
   * takes a call back that has not begun.
   */
  blocking(name: FunctionName, inputs: () => unknown[], signal?: AbortSignal): Promise<Reply> {
    return this.#blocking.run(() => this.#call(name, inputs()), signal);
  }

  async open(config: string | null): Promise<unknown> {
    if (BLOCKING_CALLS < 1) {
      throw new RangeError('UV_THREADPOOL_SIZE gives Node one thread, and a call that waits would hold it, so that ' +
                           'nothing could end the call; set it to 2 or more, or do not set it');
    }
    return (await this.quick('cordon_init', HOST_ABI, config)).output;
  }

  #function(name: FunctionName): NativeFunction {
    return this.#functions.get(name)!;
  }

  #call(name: FunctionName, inputs: unknown[]): Promise<Reply> {
    const outputs: Array<[unknown]> = [];
    const left = [...inputs];
    const args = (functions[name][1] as Kind[]).map((kind) => {
      if (!kind.startsWith(OUT)) return left.shift();
      const output: [unknown] = [null];
      outputs.push(output);
      return output;
    });
    return new Promise((resolve, reject) => {
      this.#function(name).async(...args, (failure: unknown, result: unknown) => {
        const status = result as number | undefined;
        if (failure) return reject(failure);
        const error = outputs.length > 0 ? outputs[outputs.length - 1]![0] : null;
        if (status !== undefined && status < Status.OK) return reject(this.#take(error));
        resolve({ status: status ?? Status.OK, output: outputs.length > 1 ? outputs[0]![0] : null });
      });
    });
  }

  /** Reads an error and gives it back. */
  #take(error: unknown): Error {
    const text = this.now('cordon_error_json', error) as string;
    this.now('cordon_error_free', error);
    return errorOf(errorDocumentOf(JSON.parse(text)));
  }
}

/** C would take a text for ended at a NUL in its middle, and act on something else than it was told. */
export function checked(text: string, name: string): string {
  if (typeof text !== 'string') throw new TypeError(`${name} must be a string`);
  if (text.includes('\0')) throw new TypeError(`${name} holds a NUL character; remove it`);
  return text;
}

/** The configuration's default. */
const DEFAULT_TIMEOUT = -1;

export function milliseconds(time: number | undefined, name: string): number {
  if (time === undefined) return DEFAULT_TIMEOUT;
  if (!(time >= 0 && time <= 0x7fffffff)) {
    throw new RangeError(`${name} must be from 0 to 2147483647 milliseconds; leave it out for the default`);
  }
  return Math.ceil(time);
}
