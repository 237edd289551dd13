/**
 * The worker's HTTP server.
 *
 * @module
 */

import type { RequestHandler } from "@std/http/unstable-route";
import { ConfigError, describeError, roomLogger } from "../base/mod.ts";
import { resolveProcessor } from "../processor/mod.ts";
import { openTrickleSession, type TrickleSessionOptions } from "../session/mod.ts";
import { InterruptGuard } from "./interrupt.ts";
import type { StreamServerOptions } from "./options.ts";
import { healthOf, type HealthStatus } from "./pipeline_status.ts";
import { ProcessorHost } from "./processor_host.ts";
import { failure } from "./responses.ts";
import { createRoutes, normalizePrefix } from "./route_table.ts";
import { streamEndpoints } from "./stream_endpoints.ts";
import { StreamRegistry } from "./stream_registry.ts";

const log = roomLogger("server");

/** How long a stopping server lets answers drain before it cuts the connections. */
const SHUTDOWN_GRACE_MS = 500;

/**
 * Serves the stream endpoints: starts, updates and stops streams that go through one processor.
 *
 * ```ts ignore
 * import { FrameProcessor, StreamServer, type VideoFrame } from "@runnel/runnel";
 *
 * class Invert extends FrameProcessor {
 *   override processVideo(frame: VideoFrame): VideoFrame {
 *     for (let i = 0; i < frame.data.length; i++) frame.data[i] = 255 - frame.data[i]!;
 *     return frame;
 *   }
 * }
 * await new StreamServer({ processor: new Invert(), port: 8000 }).runForever();
 * ```
 */
export class StreamServer implements AsyncDisposable {
  /** Name under which orchestrators know this worker. */
  readonly capabilityName: string;
  readonly #options: StreamServerOptions;
  readonly #prefix: string;
  readonly #abort = new AbortController();
  readonly #cut = new AbortController();
  #http: Deno.HttpServer<Deno.NetAddr> | undefined;
  #host: ProcessorHost | undefined;
  #registry: StreamRegistry | undefined;
  #routes: RequestHandler | undefined;
  #stopping: Promise<void> | undefined;

  /** Creates a server that does not listen yet. Throws a `RangeError` for an unusable prefix. */
  constructor(options: StreamServerOptions) {
    this.#options = options;
    this.#prefix = normalizePrefix(options.prefix ?? "");
    this.capabilityName = options.capabilityName ?? "runnel";
  }

  /** Where it listens. Throws a `TypeError` before {@linkcode start}. */
  get address(): Deno.NetAddr {
    if (this.#http !== undefined) return this.#http.addr;
    throw new TypeError("Cannot give the address of a server that does not listen: call start()");
  }

  /** The URL that the routes are below, without a slash at its end. */
  get url(): string {
    const { hostname, port } = this.address;
    return `http://${urlHost(hostname)}:${port}${this.#prefix}`;
  }

  /** What `/health` says now. */
  get health(): HealthStatus {
    return this.#registry === undefined ? "LOADING" : healthOf(this.#registry.snapshot());
  }

  /** Resolves when the processor's initialization is over, one way or the other: see `health`. */
  get initialized(): Promise<void> {
    return this.#host?.settled ?? Promise.resolve();
  }

  /**
   * Listens and begins to initialize the processor in the background. Rejects with a `ConfigError`
   * where the address cannot be had or the factory throws, and with a `TypeError` the second time.
   */
  start(): Promise<Deno.NetAddr> {
    return Promise.try(() => {
      if (this.#http !== undefined || this.#stopping !== undefined) {
        throw new TypeError("Cannot start: this server was started before; create another");
      }
      const processor = resolveProcessor(this.#options.processor);
      const { signal, openSession = openTrickleSession } = this.#options;
      this.#http = this.#listen();
      this.#host = new ProcessorHost(processor, this.#abort.signal);
      this.#registry = new StreamRegistry({
        host: this.#host,
        defaults: this.#sessionDefaults(),
        openSession,
      });
      this.#routes = createRoutes(streamEndpoints(this.#registry), this.#prefix);
      signal?.addEventListener("abort", this.#stopOnAbort, { once: true });
      if (signal?.aborted) this.#stopOnAbort();
      return this.address;
    });
  }

  /**
   * Starts unless that was done, and serves until SIGINT, SIGTERM, {@linkcode stop} or the signal
   * of the options. A second SIGINT or SIGTERM ends the process at once.
   */
  async runForever(): Promise<void> {
    if (this.#http === undefined) await this.start();
    using _guard = new InterruptGuard(this.#stopOnAbort);
    await this.#http!.finished;
    await this.stop();
  }

  /** Stops the streams, answers what is pending and frees the port. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** The same as {@linkcode stop}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  readonly #stopOnAbort = (): void => {
    this.stop().catch((error) => {
      log.error("The server did not stop cleanly: {reason}", { reason: describeError(error) });
    });
  };

  #sessionDefaults(): Partial<TrickleSessionOptions> {
    const { targetFps, maxQueueSize, gpuDepth, audioCodec, tls } = this.#options;
    const { maxQueueLatencyMs, overlay } = this.#options;
    return {
      ...(targetFps === undefined ? {} : { targetFps }),
      ...(maxQueueSize === undefined ? {} : { maxQueueSize }),
      ...(maxQueueLatencyMs === undefined ? {} : { maxQueueLatencyMs }),
      ...(overlay === undefined ? {} : { overlay }),
      ...(gpuDepth === undefined ? {} : { gpuDepth }),
      ...(audioCodec === undefined ? {} : { audioCodec }),
      ...(tls === undefined ? {} : { tls }),
    };
  }

  #listen(): Deno.HttpServer<Deno.NetAddr> {
    const { host: hostname = "0.0.0.0", port = 8000 } = this.#options;
    const options = { hostname, port, signal: this.#cut.signal, onListen: () => {}, onError };
    try {
      return Deno.serve(options, (request) => this.#routes!(request));
    } catch (error) {
      const reason = error instanceof Deno.errors.AddrInUse
        ? "another program does; choose another port, or 0 for a free one"
        : `${describeError(error)}; choose another host or port`;
      throw new ConfigError("CONFIG_INVALID", `Cannot listen on ${hostname}:${port}: ${reason}`, {
        cause: error,
        context: { hostname, port },
      });
    }
  }

  async #stop(): Promise<void> {
    this.#options.signal?.removeEventListener("abort", this.#stopOnAbort);
    this.#abort.abort();
    await this.#registry?.close();
    await this.#host?.[Symbol.asyncDispose]();
    if (this.#http === undefined) return;
    // A client that neither reads nor leaves must not hold the server up.
    const timer = setTimeout(() => this.#cut.abort(), SHUTDOWN_GRACE_MS);
    await this.#http.shutdown();
    clearTimeout(timer);
  }
}

function onError(error: unknown): Response {
  log.error("A request failed: {reason}", { reason: describeError(error) });
  return failure(500, "Cannot answer: the server failed; its log says why");
}

function urlHost(hostname: string): string {
  if (hostname === "0.0.0.0") return "127.0.0.1";
  if (hostname === "::") return "[::1]";
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}
