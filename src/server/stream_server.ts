/**
 * The worker's HTTP server.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import {
  type Clock,
  describeError,
  InterruptGuard,
  isDoneWithin,
  isLoopback,
  roomLogger,
  systemClock,
  UrlPolicy,
} from "../base/mod.ts";
import type { AudioFrame, VideoFrame } from "../frames/mod.ts";
import type { RegisteredWorker } from "../livepeer/mod.ts";
import {
  checkEncoder,
  findHardware,
  type LoadingUpdate,
  type StreamParams,
} from "../session/mod.ts";
import { type Stream, StreamWorker } from "../worker/mod.ts";
import { collectFigures } from "./prometheus/collect_figures.ts";
import { HardwareMonitor } from "./api/hardware.ts";
import { type OpenHttp, prepareHttp } from "./http_surface.ts";
import { runShutdownHooks, runStartupHooks } from "./lifecycle_hooks.ts";
import type { StreamServerOptions } from "./options.ts";
import { healthOf, type HealthStatus } from "./api/pipeline_status.ts";
import { METRICS_PATH, metricsEndpoint, MetricsExporter } from "./prometheus/mod.ts";
import { HttpListener } from "./http/listener.ts";
import { type Endpoint, type HttpHandler, normalizePrefix } from "./http/route_table.ts";
import { streamEndpoints } from "./api/stream_endpoints.ts";
import { STREAM_PATHS } from "./api/stream_routes.ts";
import { systemEndpoints } from "./api/system_endpoints.ts";

const log = roomLogger("server");

/** How long a stop waits for a start that is under way. */
const START_TIMEOUT_MS = 5_000;

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
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #urls: UrlPolicy;
  readonly #over = Promise.withResolvers<void>();
  #http: HttpListener | undefined;
  #worker: StreamWorker | undefined;
  #handler: HttpHandler | undefined;
  readonly #openHttp: OpenHttp;
  #started: Promise<Deno.NetAddr> | undefined;
  #stopping: Promise<void> | undefined;

  /**
   * Creates a server that does not listen yet. Throws a `RangeError` for an unusable prefix or encoder setting and a
   * `ConfigError` for a token, URLs, routes, folders or CORS options that cannot be used.
   */
  constructor(options: StreamServerOptions) {
    checkEncoder(options.encoder ?? {});
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#prefix = normalizePrefix(options.prefix ?? "");
    this.capabilityName = options.capabilityName ?? "runnel";
    this.#urls = new UrlPolicy({ allow: options.allowUrls });
    this.#openHttp = this.#prepareHttp();
  }

  /** Where it listens. Throws a `TypeError` before {@linkcode start}. */
  get address(): Deno.NetAddr {
    if (this.#http !== undefined) return this.#http.address;
    throw new TypeError("Cannot give the address of a server that does not listen: call start()");
  }

  /** The URL that the routes are below, without a slash at its end. */
  get url(): string {
    const { hostname, port } = this.address;
    return `http://${urlHost(hostname)}:${port}${this.#prefix}`;
  }

  /** What `/health` says now. */
  get health(): HealthStatus {
    return this.#worker === undefined ? "LOADING" : healthOf(this.#worker.snapshot());
  }

  /** Resolves when the processor's initialization is over, one way or the other: see `health`. */
  get initialized(): Promise<void> {
    return this.#worker?.initialized ?? Promise.resolve();
  }

  /**
   * Rejects with a `RunnelError` (`PORT_LOST`) when the port is closed and cannot be opened again. Throws a
   * `TypeError` before {@linkcode start}.
   */
  get lost(): Promise<never> {
    if (this.#http !== undefined) return this.#http.lost;
    throw new TypeError("Cannot watch the port of a server that does not listen: call start()");
  }

  /** The ids of the streams that have not ended, oldest first. */
  get streamIds(): readonly string[] {
    return this.#worker?.streams.map(({ id }) => id) ?? [];
  }

  /**
   * Publishes a line on the data channel of a stream; the id may be left out while there is just one.
   * Throws a `RangeError` when it names no active stream, and a `TypeError` for what is not a string.
   */
  sendData(text: string, streamId?: string): void {
    this.#stream(streamId).session.sendData(text);
  }

  /** Publishes an event of the application; see {@linkcode sendData}. */
  sendEvent(event: unknown, type: string, streamId?: string): void {
    this.#stream(streamId).session.sendEvent(event, type);
  }

  /**
   * Gives a frame to a stream that was started without `subscribe_url`: it goes through the processor
   * and out as if it had been read. It stays the caller's; times must grow. Resolves once there is room
   * for the next, to false when the stream takes none any more. See {@linkcode sendData} for the id.
   */
  async sendFrame(frame: VideoFrame | AudioFrame, streamId?: string): Promise<boolean> {
    return await this.#stream(streamId).session.sendFrame(frame);
  }

  /** Changes what the loading overlay of a stream says; see {@linkcode sendData}. */
  setLoading(update: LoadingUpdate, streamId?: string): void {
    this.#stream(streamId).session.setLoading(update);
  }

  /** Changes the parameters of a stream as a request would; see {@linkcode sendData}. */
  async updateParams(params: StreamParams, streamId?: string): Promise<void> {
    await this.#stream(streamId).session.updateParams(params);
  }

  /** Stops a stream and resolves when it is over; one that is not active is none to stop. */
  async stopStream(streamId: string): Promise<void> {
    await this.#worker?.find(streamId)?.stop();
  }

  /**
   * Runs the startup hooks, listens and begins to initialize the processor in the background.
   * Rejects with a `ConfigError` where a hook fails, the address cannot be had or the factory
   * throws, and with a `TypeError` the second time.
   */
  async start(): Promise<Deno.NetAddr> {
    if (this.#started !== undefined || this.#stopping !== undefined) {
      throw new TypeError("Cannot start: this server was started before; create another");
    }
    this.#started = this.#start();
    try {
      return await this.#started;
    } catch (error) {
      if (this.#http !== undefined) await this.stop();
      throw error;
    }
  }

  /**
   * Starts unless that was done, and serves until SIGINT, SIGTERM, {@linkcode stop} or the signal
   * of the options. A second SIGINT or SIGTERM ends the process at once. Stops and rejects with a
   * `RunnelError` (`PORT_LOST`) when its port is closed and cannot be opened again.
   */
  async runForever(): Promise<void> {
    await (this.#started ?? this.start());
    using _guard = new InterruptGuard(this.#stopOnAbort);
    try {
      await Promise.race([this.#over.promise, this.lost]);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Stops the streams, answers what is pending and frees the port. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop().finally(() => this.#over.resolve());
    return this.#stopping;
  }

  /** The same as {@linkcode stop}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Where anybody could come in, nobody is let in without being asked for. */
  get #hostname(): string {
    const { host, token } = this.#options;
    return host ?? (token === undefined ? "127.0.0.1" : "0.0.0.0");
  }

  #stream(id: string | undefined): Stream {
    const streams = this.#worker?.streams ?? [];
    const found = id === undefined && streams.length === 1
      ? streams[0]
      : streams.find((stream) => id !== undefined && stream.names.includes(id));
    if (found !== undefined) return found;
    const active = streams.map((stream) => stream.id).join(", ") || "none";
    throw new RangeError(`Cannot find stream ${id ?? "without an id"}: active are ${active}`);
  }

  readonly #stopOnAbort = (): void => {
    this.stop().catch((error) => {
      log.error("The server did not stop cleanly: {reason}", { reason: describeError(error) });
    });
  };

  async #start(): Promise<Deno.NetAddr> {
    const { hardware: wish = "auto", signal } = this.#options;
    const [hardware] = await Promise.all([
      findHardware(wish),
      runStartupHooks(this.#options.onStartup ?? []),
    ]);
    if (this.#stopping !== undefined) {
      throw new TypeError("Cannot start: this server was stopped before it listened");
    }
    const worker = new StreamWorker(this.#options, hardware);
    const { port = 8000, connectionLimits: limits, portPatience: patience } = this.#options;
    const hostname = this.#hostname;
    this.#http = new HttpListener(
      { hostname, port, clock: this.#clock, limits, patience },
      (request) => this.#handler!(request),
    );
    this.#warnOfOpenDoor(hostname);
    worker.load();
    this.#worker = worker;
    const endpoints = [
      ...streamEndpoints(worker, { urls: this.#urls }),
      this.#metricsEndpoint(worker),
    ];
    this.#handler = this.#openHttp(endpoints, () => worker.paramsSchema);
    this.#options.registration?.start(this.#asRegistered(worker));
    signal?.addEventListener("abort", this.#stopOnAbort, { once: true });
    if (signal?.aborted) this.#stopOnAbort();
    return this.address;
  }

  #warnOfOpenDoor(hostname: string): void {
    if (this.#options.token !== undefined || isLoopback(hostname)) return;
    log.warn(
      "Anyone who reaches {hostname}:{port} may start, change and stop streams: there is no token; " +
        "set one, or listen on 127.0.0.1",
      { hostname, port: this.address.port },
    );
  }

  #asRegistered(worker: StreamWorker): RegisteredWorker {
    return {
      capacity: worker.capacity,
      whenReady: (signal) => worker.whenReady(signal),
      activeStreamIds: () => worker.streams.map(({ id }) => id),
      sessionIds: () => worker.streams.flatMap(({ request }) => request.sessionId ?? []),
      stopStream: (id) => this.stopStream(id),
    };
  }

  #metricsEndpoint(worker: StreamWorker): Endpoint {
    const { capabilityName: capability } = this;
    const { pipeline = "byoc" } = this.#options;
    const startedAtMs = performance.now();
    return metricsEndpoint(
      new MetricsExporter(() => {
        const registration = this.#options.registration?.status;
        return collectFigures({ worker, registration, capability, pipeline, startedAtMs });
      }),
    );
  }

  #prepareHttp(): OpenHttp {
    const options = this.#options;
    const { appVersion = "0.0.0", version = manifest.version, pipeline = "byoc" } = options;
    const identity = {
      pipeline,
      modelId: options.modelId ?? this.capabilityName,
      version,
      appVersion,
    };
    return prepareHttp({
      http: {
        ...options,
        onUnauthorized: () => {
          options.registration?.unauthorized();
          options.onUnauthorized?.();
        },
      },
      clock: this.#clock,
      prefix: this.#prefix,
      hostname: this.#hostname,
      title: this.capabilityName,
      version: appVersion,
      streamPaths: [...STREAM_PATHS, METRICS_PATH],
      endpoints: systemEndpoints({
        identity,
        hardware: new HardwareMonitor({ clock: this.#clock }),
        pipeline: () => this.#worker?.state ?? { kind: "loading" },
        stopping: () => this.#stopping !== undefined,
      }),
    });
  }

  async #stop(): Promise<void> {
    this.#options.signal?.removeEventListener("abort", this.#stopOnAbort);
    // What a start that is under way opens is closed here.
    // Its failure is the caller's of `start`; a hook that hangs, or awaits the stop, is left.
    if (this.#started !== undefined) {
      await isDoneWithin(this.#clock, this.#started, START_TIMEOUT_MS);
    }
    // First of all nobody is to send streams here; what takes long may go on beside.
    await Promise.all([
      this.#options.registration?.[Symbol.asyncDispose](),
      this.#worker?.close(),
    ]);
    await this.#worker?.[Symbol.asyncDispose]();
    if (this.#started !== undefined) await runShutdownHooks(this.#options.onShutdown ?? []);
    await this.#http?.close();
  }
}

function urlHost(hostname: string): string {
  if (hostname === "0.0.0.0") return "127.0.0.1";
  if (hostname === "::") return "[::1]";
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}
