/** The whole chain: a trickle server, a worker in its own process, a live feed, and what comes out. */

import assert from "node:assert/strict";
import { feedLive, type FeedOptions, type MediaClip, OutputProbe } from "../../bench/live_feed.ts";
import { type StartOptions, WorkerProcess } from "../../bench/worker_process.ts";
import { TricklePublisher, TrickleServer, TrickleSubscriber } from "../../src/trickle/mod.ts";
import type { SessionMetrics } from "../../src/session/mod.ts";
import { delay, until, within } from "../waiting.ts";

/** A machine that is busy elsewhere falls behind for a while: that must not cost a frame here. */
const ROOMY_QUEUE = ["--max-queue-size", "300", "--max-queue-latency", "60000"];

/** A trickle server on a port, and a worker process. */
export class Chain implements AsyncDisposable {
  readonly server: TrickleServer;
  readonly worker: WorkerProcess;
  #streams = 0;

  private constructor(server: TrickleServer, worker: WorkerProcess) {
    this.server = server;
    this.worker = worker;
  }

  /** Starts both; `args` are those of `serve`. Ready when the worker is idle. */
  static start(...args: string[]): Promise<Chain> {
    return Chain.startWith({}, ...args);
  }

  /** The same with variables of the worker's environment, or in a terminal. */
  static async startWith(options: StartOptions, ...args: string[]): Promise<Chain> {
    const server = new TrickleServer();
    server.listen();
    try {
      const worker = await WorkerProcess.start([
        ...["--log-level", "warning"],
        ...ROOMY_QUEUE,
        ...args,
      ], options);
      const chain = new Chain(server, worker);
      await chain.untilHealth("IDLE");
      return chain;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Opens a stream of its own channels through the worker. */
  async open(params: Record<string, unknown> = {}): Promise<ChainStream> {
    const name = `stream${this.#streams++}`;
    const [input, output] = [`${name}-in`, `${name}-out`];
    this.server.createChannel(input, "video/mp2t");
    this.server.createChannel(output, "video/mp2t");
    const stream = new ChainStream(this, { input, output });
    try {
      const { status, json } = await this.worker.call("/stream/start", {
        gateway_request_id: name,
        subscribe_url: this.server.channelUrl(input),
        publish_url: this.server.channelUrl(output),
        params,
      });
      assert.equal(status, 200, JSON.stringify(json));
      return stream;
    } catch (error) {
      await stream[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs a clip through the worker to its end and returns what came out. */
  async run(
    clip: MediaClip,
    params: Record<string, unknown> = {},
    options: Pick<FeedOptions, "speed"> = {},
  ): Promise<StreamOutput> {
    await using stream = await this.open(params);
    await stream.feed(clip, options);
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

/** What came out of a stream. */
export interface StreamOutput {
  /** The bytes of each segment. */
  readonly segments: readonly Uint8Array[];
  /** All segments one after the other. */
  readonly bytes: Uint8Array;
  readonly probe: OutputProbe;
}

/** One stream through a chain: it is fed, and its output is read as it comes. */
export class ChainStream implements AsyncDisposable {
  readonly input: TricklePublisher;
  readonly probe: OutputProbe;
  readonly #chain: Chain;
  readonly #subscriber: TrickleSubscriber;

  constructor(chain: Chain, channels: { input: string; output: string }) {
    const { server } = this.#chain = chain;
    this.input = new TricklePublisher(server.channelUrl(channels.input));
    this.#subscriber = new TrickleSubscriber(server.channelUrl(channels.output), { start: 0 });
    this.probe = new OutputProbe(this.#subscriber, { keepBytes: true });
    this.probe.ended.catch(() => {}); // thrown by end() and untilOutputEnds()
  }

  /** Feeds a clip in real time, or `speed` times as fast. */
  async feed(
    clip: MediaClip,
    options: Omit<FeedOptions, "sink"> = {},
  ): Promise<void> {
    await feedLive(clip, { sink: this.input, speed: 2, ...options });
  }

  /** Feeds bytes as they are, as one segment, spread over a time. */
  async feedBytes(bytes: Uint8Array, seconds: number): Promise<void> {
    const segment = await this.input.next();
    const steps = Math.max(1, Math.ceil(seconds * 25));
    const startMs = performance.now();
    for (let step = 0; step < steps; step++) {
      const waitMs = startMs + step * 40 - performance.now();
      if (waitMs > 1) await delay(waitMs);
      const at = (part: number): number => Math.floor(bytes.length * part / steps);
      await segment.write(bytes.subarray(at(step), at(step + 1)));
    }
    await segment.close();
  }

  /** Ends the input, and waits for the end of the output that follows from it. */
  async end(): Promise<StreamOutput> {
    await this.input.close();
    return await this.untilOutputEnds();
  }

  /** Waits for the end of the output, and until the worker is idle. */
  async untilOutputEnds(): Promise<StreamOutput> {
    await within(this.probe.ended, "the end of the output channel");
    await this.#chain.untilHealth("IDLE");
    const { probe } = this;
    assertInOrder(probe);
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
