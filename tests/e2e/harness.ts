/** The whole chain: a trickle server, a worker, a feed at the pace of the worker, and what comes out. */

import assert from "node:assert/strict";
import { clipEvents, type MediaClip, OutputProbe } from "../../bench/live_feed.ts";
import { type StartOptions, WorkerProcess } from "../../bench/worker_process.ts";
import type { Packet } from "../../src/media/types.ts";
import { loadProcessor } from "../../src/processor/mod.ts";
import { StreamServer, type StreamServerOptions } from "../../src/server/mod.ts";
import type { SessionMetrics } from "../../src/session/mod.ts";
import { type MediaEvent, writeSegments } from "../../src/source/mod.ts";
import type {
  LocalPublisher,
  LocalSubscriber,
  TrickleListenOptions,
} from "../../src/trickle/mod.ts";
import { ManualClock } from "../trickle/manual_clock.ts";
import { until, within } from "../waiting.ts";
import { WatchedServer } from "./watched_server.ts";

/** The machine may be as slow as it likes: that costs no frame, and nothing is shown in place of one. */
const PATIENT = [
  ...["--max-queue-size", "300", "--max-queue-latency", "3600000", "--max-behind", "3600000"],
  ...["--overlay", "off"],
];

/** How far sound may get ahead of the pictures that have come out: the worker drops pictures at 2 s. */
const MAX_AHEAD_TICKS = 90_000;

/** An answer of the API. */
export interface ApiAnswer {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

/** A worker that answers the API: in a process of its own, or in this one. */
export interface ApiWorker extends AsyncDisposable {
  readonly url: string;
  /** The process that its children are below. */
  readonly pid: number;
  call(path: string, body?: unknown): Promise<ApiAnswer>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Without children that wait: those that are left after a stream are its own. */
const COLD = ["--warm-ffmpeg", "0"];

/** A worker in the test's own process, whose time stands still: nothing in it can be late. */
export class StillWorker implements ApiWorker {
  readonly pid = Deno.pid;
  readonly clock = new ManualClock();
  readonly #server: StreamServer;

  private constructor(options: StreamServerOptions) {
    this.#server = new StreamServer({
      warmFfmpeg: 0,
      host: "127.0.0.1",
      port: 0,
      maxQueueSize: 300,
      maxQueueLatencyMs: 3_600_000,
      maxBehindMs: 3_600_000,
      clock: this.clock,
      ...options,
    });
  }

  /** Starts it with a processor, a built-in one's name or a path; ready when that is initialized. */
  static async start(
    processor: string | StreamServerOptions["processor"],
    options: Partial<StreamServerOptions> = {},
  ): Promise<StillWorker> {
    const source = typeof processor === "string" ? await loadProcessor(processor) : processor;
    const worker = new StillWorker({ processor: source, ...options });
    await worker.#server.start();
    await worker.#server.initialized;
    return worker;
  }

  get url(): string {
    return this.#server.url;
  }

  call(path: string, body?: unknown): Promise<ApiAnswer> {
    return callApi(`${this.url}${path}`, body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop();
  }
}

/** A trickle server on a port, and a worker. */
export class Chain<Worker extends ApiWorker = WorkerProcess> implements AsyncDisposable {
  readonly server: WatchedServer;
  readonly worker: Worker;
  #streams = 0;

  private constructor(server: WatchedServer, worker: Worker) {
    this.server = server;
    this.worker = worker;
  }

  /** Starts both, the worker in a process of its own; `args` are those of `serve`. */
  static start(...args: string[]): Promise<Chain> {
    return Chain.startWith({}, ...args);
  }

  /** The same with variables of the worker's environment, in a terminal, or with a server by https. */
  static startWith(
    options: StartOptions & Pick<TrickleListenOptions, "tls">,
    ...args: string[]
  ): Promise<Chain> {
    const { tls } = options; // not by a rest: what has a getter has it on its class
    return Chain.#around(
      () => WorkerProcess.start(["--log-level", "warning", ...COLD, ...PATIENT, ...args], options),
      tls === undefined ? {} : { tls },
    );
  }

  /** Starts both in this process, with a processor, a built-in one's name or a path. */
  static startHere(
    processor: string | StreamServerOptions["processor"] = "passthrough",
    options: Partial<StreamServerOptions> = {},
  ): Promise<Chain<StillWorker>> {
    return Chain.#around(() => StillWorker.start(processor, options));
  }

  static async #around<W extends ApiWorker>(
    startWorker: () => Promise<W>,
    listen: TrickleListenOptions = {},
  ): Promise<Chain<W>> {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(new WatchedServer());
    server.listen(listen);
    const chain = new Chain(server, stack.use(await startWorker()));
    await chain.untilHealth("IDLE");
    stack.move();
    return chain;
  }

  /** Opens a stream of its own channels through the worker. */
  async open(params: Record<string, unknown> = {}): Promise<ChainStream> {
    const name = `stream${this.#streams++}`;
    const [input, output] = [`${name}-in`, `${name}-out`];
    this.server.createChannel(input, "video/mp2t");
    this.server.createChannel(output, "video/mp2t");
    const stream = new ChainStream(this, { input, output });
    try {
      await this.startStream({
        gateway_request_id: name,
        subscribe_url: this.server.channelUrl(input),
        publish_url: this.server.channelUrl(output),
        params,
      });
      return stream;
    } catch (error) {
      await stream[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Asks for a stream until the worker takes it: it refuses some while its event loop runs late. */
  async startStream(request: unknown): Promise<void> {
    await until(async () => {
      const { status, json } = await this.worker.call("/stream/start", request);
      if (status === 503 && String(json["message"]).includes("overloaded")) return false;
      assert.equal(status, 200, JSON.stringify(json));
      return true;
    }, "a worker that is not overloaded");
  }

  /** Runs a clip through the worker to its end and returns what came out. */
  async run(clip: MediaClip, params: Record<string, unknown> = {}): Promise<StreamOutput> {
    await using stream = await this.open(params);
    await stream.feed(clip);
    return await stream.end();
  }

  /** Waits until `/health` says so. */
  async untilHealth(wanted: string): Promise<void> {
    await until(async () => (await this.worker.call("/health")).json["status"] === wanted, wanted);
  }

  /** The figures of the stream that runs, or of the last one. */
  async metrics(): Promise<SessionMetrics> {
    const { json } = await this.worker.call("/stream/status");
    return json["metrics"] as SessionMetrics;
  }

  /** Stops the worker, then the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    await within(this.worker[Symbol.asyncDispose](), "the worker's end");
    await this.server[Symbol.asyncDispose]();
  }
}

async function callApi(url: string, body: unknown): Promise<ApiAnswer> {
  const response = await fetch(url, {
    method: body === undefined ? "GET" : "POST",
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  return { status: response.status, json: await response.json() };
}

/** What came out of a stream. */
export interface StreamOutput {
  /** The bytes of each segment. */
  readonly segments: readonly Uint8Array[];
  /** All segments one after the other. */
  readonly bytes: Uint8Array;
  readonly probe: OutputProbe;
}

/** How a clip is fed. */
export interface PacedFeed {
  /** Ends the feed early. */
  readonly signal?: AbortSignal;
  /** Awaited before each packet. */
  readonly beforePacket?: (packet: Packet) => Promise<void>;
}

/** One stream through a chain: it is fed as fast as the worker reads, and its output is read as it comes. */
export class ChainStream implements AsyncDisposable {
  readonly input: LocalPublisher;
  readonly probe: OutputProbe;
  readonly #chain: Chain<ApiWorker>;
  readonly #inputName: string;
  readonly #subscriber: LocalSubscriber;
  #fedSegments = 0;
  #firstTicks: number | undefined;

  constructor(chain: Chain<ApiWorker>, channels: { input: string; output: string }) {
    const { server } = this.#chain = chain;
    this.#inputName = channels.input;
    // No clock of the test's own can make it give up.
    const clock = new ManualClock();
    this.input = server.publisher(channels.input, { clock });
    this.#subscriber = server.subscriber(channels.output, { start: 0, clock });
    this.probe = new OutputProbe(this.#subscriber, { keepBytes: true });
    this.probe.ended.catch(() => {}); // thrown by end() and untilOutputEnds()
  }

  /** Feeds a clip, one segment per keyframe, none before the worker reads the one before it. */
  async feed(clip: MediaClip, options: PacedFeed = {}): Promise<void> {
    const open = async () => {
      await this.untilRead(options.signal);
      this.#fedSegments++;
      return await this.input.next();
    };
    const { failedSegments } = await writeSegments(this.#paced(clip, options), open);
    assert.equal(failedSegments, 0, "segments of the feed that failed");
  }

  /** Feeds bytes as they are, as one segment. */
  async feedBytes(bytes: Uint8Array): Promise<void> {
    this.#fedSegments++;
    const segment = await this.input.next();
    await segment.write(bytes);
    await segment.close();
  }

  /** Waits until the worker reads the last segment that was fed. */
  async untilRead(signal?: AbortSignal): Promise<void> {
    const { server } = this.#chain;
    const last = this.#fedSegments - 1;
    await within(server.untilRead(this.#inputName, last, signal), `a reader of segment ${last}`);
  }

  /** Packets when their turn has come. */
  async *#paced(clip: MediaClip, options: PacedFeed): AsyncGenerator<MediaEvent> {
    const { signal, beforePacket } = options;
    const hasBoth = clip.video !== undefined && clip.audio !== undefined;
    for await (const event of clipEvents(clip)) {
      if (event.kind === "packet") {
        if (hasBoth) await this.#untilNear(event.packet, signal);
        await beforePacket?.(event.packet);
      }
      if (signal?.aborted === true) return;
      yield event;
    }
  }

  /** Waits until the pictures that came out are not far behind a packet. */
  async #untilNear({ dtsTicks }: Packet, signal: AbortSignal | undefined): Promise<void> {
    this.#firstTicks ??= dtsTicks;
    const isNear = (): boolean => {
      const reached = this.probe.seen.findLast(({ packet }) => packet.kind === "video");
      return dtsTicks - (reached?.packet.ptsTicks ?? this.#firstTicks!) <= MAX_AHEAD_TICKS;
    };
    await until(() => signal?.aborted === true || isNear(), "pictures at the output");
  }
  /**
   * Ends the input, and waits for the end of the output that follows from it. With `jumps` the clock of
   * the input jumps back, and that of the output with it.
   */
  async end(options: { jumps?: boolean } = {}): Promise<StreamOutput> {
    // What a reader has not begun with is gone with the channel.
    await this.untilRead();
    await this.input.close();
    return await this.untilOutputEnds(options);
  }

  /** Waits for the end of the output, and until the worker is idle. */
  async untilOutputEnds({ jumps = false } = {}): Promise<StreamOutput> {
    await within(this.probe.ended, "the end of the output channel");
    await this.#chain.untilHealth("IDLE");
    const { probe } = this;
    if (!jumps) assertInOrder(probe);
    const { segments } = probe;
    return { segments, bytes: joined(segments), probe };
  }

  /** Gives up what is left of the stream. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.input[Symbol.asyncDispose]();
    await this.#subscriber[Symbol.asyncDispose]();
    await this.probe.ended.catch(() => {}); // a test that failed shows its own error
  }
}

/** Whatever happened to a stream: its output never goes back in time. */
function assertInOrder({ seen }: OutputProbe): void {
  for (const kind of ["video", "audio"] as const) {
    const times = seen.filter(({ packet }) => packet.kind === kind)
      .map(({ packet }) => packet.ptsTicks);
    const back = times.findIndex((time, index) => index > 0 && time <= times[index - 1]!);
    assert.equal(back, -1, `${kind} packet ${back}: ${times[back]} after ${times[back - 1]}`);
  }
}

/** All bytes one after the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
