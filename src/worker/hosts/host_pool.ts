/**
 * The processors of a server: as many as streams may run at once, ready before they are needed.
 *
 * @module
 */

import { type Clock, describeError, roomLogger } from "../../base/mod.ts";
import type { JsonSchema } from "../json_schema.ts";
import type { HostState, StreamHost } from "./stream_host.ts";

const log = roomLogger("worker");

/** Waits before a processor that could not be initialized is tried again: doubled up to the longest. */
const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 60_000;

/** Options of a {@linkcode HostPool}. */
export interface HostPoolOptions {
  /** Makes a host, which begins to initialize its processor. May throw. */
  readonly create: () => StreamHost;
  /** Hosts at once. */
  readonly capacity: number;
  /** Whether each host has a processor of its own: then one that hangs or failed is replaced. */
  readonly replaceable: boolean;
  /** Paces attempts. */
  readonly clock: Clock;
}

/**
 * Keeps hosts. The first is made at once, the others one after another when it is ready: what they share,
 * such as a model, is loaded by then. A server is ready as soon as one host is.
 */
export class HostPool implements AsyncDisposable {
  /** Resolves when the first initialization is over, one way or the other. */
  readonly settled: Promise<void>;
  readonly #options: HostPoolOptions;
  readonly #hosts = new Set<StreamHost>();
  readonly #busy = new Set<StreamHost>();
  readonly #disposing = new Set<Promise<void>>();
  #paramsSchema: JsonSchema | undefined;
  #failure: string | undefined;
  #failures = 0;
  /** Messages that hosts dropped that are gone. */
  #pastDropped = 0;
  #cancelRetry: () => void = () => {};
  #changed = Promise.withResolvers<void>();
  #isOver = false;

  /** Makes the first host. Throws what `create` does. */
  constructor(options: HostPoolOptions) {
    this.#options = options;
    const first = this.#add();
    this.settled = first.settled;
  }

  /** Data and events that processors sent while they had no stream. */
  get droppedMessages(): number {
    return [...this.#hosts].reduce((sum, host) => sum + host.droppedMessages, this.#pastDropped);
  }

  /** What processors take as parameters, as far as it is known: those of one server are of one kind. */
  get paramsSchema(): JsonSchema | undefined {
    return this.#paramsSchema;
  }

  /** Why the last processor could not be had; undefined once another could. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** How far the server is: `ready` with the first host that is. */
  get state(): HostState {
    const states = [...this.#hosts].map(({ state }) => state.kind);
    if (states.includes("ready")) return { kind: "ready" };
    if (this.#failure !== undefined) return { kind: "failed", reason: this.#failure };
    return { kind: "loading" };
  }

  /** Resolves when the state is `ready`, or the signal aborts. */
  async whenReady(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<void>();
    const abort = (): void => aborted.resolve();
    signal.addEventListener("abort", abort, { once: true });
    while (this.state.kind !== "ready" && !signal.aborted && !this.#isOver) {
      await Promise.race([this.#changed.promise, aborted.promise]);
    }
    signal.removeEventListener("abort", abort);
  }

  /** A host for a stream: one that is ready, else one that loads. Undefined when all are busy. */
  take(): StreamHost | undefined {
    const idle = [...this.#hosts].filter((host) => !this.#busy.has(host));
    const host = idle.find(({ state }) => state.kind === "ready") ??
      idle.find(({ state }) => state.kind === "loading") ??
      (this.#hosts.size < this.#options.capacity ? this.#tryAdd() : undefined);
    if (host !== undefined) this.#busy.add(host);
    return host;
  }

  /** Takes a host back. One that is `broken`, or was lost, is replaced where that is possible. */
  giveBack(host: StreamHost, fate: "whole" | "broken"): void {
    this.#busy.delete(host);
    if (!this.#hosts.has(host)) return; // it failed before its stream ended
    const isWhole = fate === "whole" && host.state.kind !== "failed";
    if (isWhole || !this.#options.replaceable || this.#isOver) return;
    log.info("The processor of a stream that failed is replaced");
    this.#remove(host);
    this.#tryAdd();
  }

  /** Disposes of every host. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    this.#cancelRetry();
    this.#notify();
    for (const host of this.#hosts) this.#remove(host);
    await Promise.all(this.#disposing);
  }

  #tryAdd(): StreamHost | undefined {
    if (this.#isOver || this.#hosts.size >= this.#options.capacity) return undefined;
    try {
      return this.#add();
    } catch (error) {
      this.#failed(describeError(error));
      return undefined;
    }
  }

  #add(): StreamHost {
    const host = this.#options.create();
    this.#hosts.add(host);
    void host.settled.then(() => this.#settle(host));
    void host.lost.then(() => this.#lose(host));
    return host;
  }

  #settle(host: StreamHost): void {
    if (this.#isOver || !this.#hosts.has(host)) return;
    this.#paramsSchema ??= host.paramsSchema;
    if (host.state.kind === "failed") {
      this.#pastDropped += host.droppedMessages;
      this.#hosts.delete(host);
      if (this.#options.replaceable) this.#dispose(host);
      return this.#failed(host.state.reason);
    }
    this.#failure = undefined;
    this.#failures = 0;
    this.#notify();
    this.#tryAdd();
  }

  /** A busy one is replaced when its stream gives it back. */
  #lose(host: StreamHost): void {
    if (this.#isOver || !this.#hosts.has(host) || this.#busy.has(host)) return;
    this.#remove(host);
    this.#failed(host.state.kind === "failed" ? host.state.reason : "it is gone");
  }

  /** The way back: another attempt after a while. */
  #failed(reason: string): void {
    this.#failure = reason;
    this.#notify();
    const delayMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failures++, LONGEST_RETRY_MS);
    log.info("The processor is initialized again in {seconds} s", { seconds: delayMs / 1_000 });
    this.#cancelRetry();
    this.#cancelRetry = this.#options.clock.schedule(delayMs, () => this.#tryAdd());
  }

  #remove(host: StreamHost): void {
    this.#pastDropped += host.droppedMessages;
    this.#hosts.delete(host);
    this.#dispose(host);
  }

  #dispose(host: StreamHost): void {
    const disposing = Promise.resolve(host[Symbol.asyncDispose]()).catch((error) => {
      log.warn("A processor could not be given up: {reason}", { reason: describeError(error) });
    }).finally(() => this.#disposing.delete(disposing));
    this.#disposing.add(disposing);
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
