/**
 * onnxruntime-web in this process: the build with the WebGPU backend or the one for the CPU, loaded on
 * first use. Each runs one call at a time, since two runs at once wait for each other forever.
 *
 * After WebAssembly traps (out of memory, a device lost during a run) its state is unusable: the runtime
 * is given up and a new instance of the module is loaded.
 *
 * @module
 */

import type { Env, InferenceSessionFactory, TensorConstructor } from "onnxruntime-common";
import { describeError, ModelError } from "../../base/errors.ts";
import { roomLogger } from "../../base/log.ts";

/** Where a model runs. */
export type OrtProvider = "webgpu" | "wasm";

/** What is used of the onnxruntime module. */
export interface OrtModule {
  /** Creates sessions. */
  readonly InferenceSession: InferenceSessionFactory;
  /** The module's own class of tensors. */
  readonly Tensor: TensorConstructor;
  /** Its settings. */
  readonly env: Env;
}

/**
 * With two threads and more, a run that grows the memory of the WebAssembly waits for ever in Deno 2.9 on
 * some machines: a 3x3 convolution from 192x192 pixels on is enough.
 */
const THREADS = 1;

/** Only fatal errors are printed: all others are also thrown, and become our own errors. */
const LOG_LEVEL = "fatal";

const LOG = roomLogger("inference");
const runtimes = new Map<OrtProvider, Promise<OrtRuntime>>();
/** Modules that were loaded, by provider: the second and later ones need an address of their own. */
const instances: Record<OrtProvider, number> = { webgpu: 0, wasm: 0 };

/** One instance of onnxruntime. */
export class OrtRuntime {
  /** The build. */
  readonly provider: OrtProvider;
  /** The module. */
  readonly ort: OrtModule;
  #last: Promise<void> = Promise.resolve();
  #isBroken = false;

  /** Made by {@linkcode ortRuntime}. */
  constructor(provider: OrtProvider, ort: OrtModule) {
    this.provider = provider;
    this.ort = ort;
  }

  /** Whether it was given up: sessions in it are lost, and must not even be released. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Gives this instance up, whatever it is doing. */
  abandon(reason: string): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    LOG.warn("gave up the {provider} runtime: {reason}; a new one takes its place", {
      provider: this.provider,
      reason,
    });
  }

  /** Does `work` after all work asked for before is done. Creating, running and releasing are such work. */
  async exclusive<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    try {
      return await work();
    } finally {
      resolve();
    }
  }
}

/**
 * The process's runtime of a provider; a new one where the last was given up. Throws a
 * {@linkcode ModelError} of code `MODEL_UNSUPPORTED` where it does not load.
 */
export async function ortRuntime(provider: OrtProvider): Promise<OrtRuntime> {
  const current = runtimes.get(provider);
  if (current !== undefined && !(await current).isBroken) return await current;
  // Another caller may have replaced it while this one waited.
  const latest = runtimes.get(provider);
  if (latest !== undefined && latest !== current) return await latest;
  const opening = openRuntime(provider);
  runtimes.set(provider, opening);
  opening.catch(() => {
    if (runtimes.get(provider) === opening) runtimes.delete(provider);
  });
  return await opening;
}

/** Whether an error means that the WebAssembly trapped, so that its memory cannot be trusted. */
export function isTrap(thrown: unknown): boolean {
  return thrown instanceof WebAssembly.RuntimeError ||
    thrown instanceof Error && /This transformer is already registered/.test(thrown.message);
}

async function openRuntime(provider: OrtProvider): Promise<OrtRuntime> {
  try {
    hideOpaqueOrigin();
    const ort = await importOrt(provider);
    ort.env.logLevel = LOG_LEVEL;
    ort.env.wasm.numThreads = THREADS;
    await withoutTraces(() => initialize(ort));
    return new OrtRuntime(provider, ort);
  } catch (cause) {
    throw new ModelError(
      "MODEL_UNSUPPORTED",
      `Cannot load onnxruntime for ${provider}: ${describeError(cause)}; see its requirements`,
      { cause, context: { provider } },
    );
  }
}

async function importOrt(provider: OrtProvider): Promise<OrtModule> {
  const first = provider === "webgpu"
    ? await import("onnxruntime-web/jspi")
    : await import("onnxruntime-web");
  const instance = ++instances[provider];
  if (instance === 1) return first;
  // A module of its own under another address: imports of the same address share the broken one.
  const entry = provider === "webgpu" ? "/jspi" : "";
  const address = import.meta.resolve(`npm:onnxruntime-web@${first.env.versions.web}${entry}`);
  return await import(`${address}?instance=${instance}`);
}

/** Makes onnxruntime start its WebAssembly, by giving it a model that it must refuse. */
async function initialize(ort: OrtModule): Promise<void> {
  try {
    await ort.InferenceSession.create(new Uint8Array(0), { executionProviders: ["wasm"] });
  } catch (error) {
    if (!describeError(error).includes("ERROR_CODE")) throw error;
  }
}

/** In a Deno worker the origin is "null", which onnxruntime takes for the address of its files. */
function hideOpaqueOrigin(): void {
  if (globalThis.location?.origin !== "null") return;
  Object.defineProperty(globalThis, "location", { value: undefined, configurable: true });
}

/**
 * Does `work`, which starts onnxruntime, and undoes what that changes in Deno as in Node: onnxruntime
 * replaces the global `Worker` by Node's, and asks whether threads can share memory by sending some
 * through a `MessageChannel` that it never closes.
 */
export async function withoutTraces<T>(work: () => Promise<T>): Promise<T> {
  const { Worker, MessageChannel } = globalThis;
  const ProbeChannel = closingAfterProbe(MessageChannel);
  globalThis.MessageChannel = ProbeChannel;
  try {
    return await work();
  } finally {
    globalThis.Worker = Worker;
    if (globalThis.MessageChannel === ProbeChannel) globalThis.MessageChannel = MessageChannel;
  }
}

/** A class of channels that close once onnxruntime's probe, one byte of shared memory, was sent. */
function closingAfterProbe(Original: typeof MessageChannel): typeof MessageChannel {
  return class extends Original {
    constructor() {
      super();
      const { port1, port2 } = this;
      const send = port1.postMessage.bind(port1);
      port1.postMessage = (message: unknown) => {
        send(message);
        if (!(message instanceof SharedArrayBuffer && message.byteLength === 1)) return;
        port1.close();
        port2.close();
      };
    }
  };
}
