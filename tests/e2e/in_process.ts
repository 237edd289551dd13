/**
 * A worker and a trickle server in the test's own process, with HTTP between them: what a stream leaves
 * behind, the sanitizers see.
 */

import assert from "node:assert/strict";
import type { FrameProcessor } from "../../src/processor/mod.ts";
import { StreamServer, type StreamServerOptions } from "../../src/server/mod.ts";
import {
  openTrickleSession,
  type SessionEnd,
  type SessionEvent,
  type SessionMetrics,
} from "../../src/session/mod.ts";
import { TricklePublisher, TrickleServer, TrickleSubscriber } from "../../src/trickle/mod.ts";
import { demux, joined } from "../session/clips.ts";
import { assertAccounts } from "../session/rig.ts";
import { ManualClock } from "../trickle/manual_clock.ts";
import { until, within } from "../waiting.ts";

/** What `/stream/status` says. */
export interface Status {
  readonly state: string;
  readonly error_message: string | null;
  readonly metrics: SessionMetrics;
}

/** An answer of the API. */
export interface Answer {
  readonly status: number;
  readonly message: string;
}

/** Both servers. */
export class InProcessWorker implements AsyncDisposable {
  readonly trickle = new TrickleServer();
  readonly server: StreamServer;
  /** The time of {@linkcode startStill}. */
  readonly clock: ManualClock;
  /** What the sessions reported, of all streams. */
  readonly events: SessionEvent[] = [];

  private constructor(
    processor: FrameProcessor,
    options: Partial<StreamServerOptions>,
    clock = new ManualClock(),
  ) {
    this.clock = clock;
    this.server = new StreamServer({
      processor,
      host: "127.0.0.1",
      port: 0,
      targetFps: 60,
      // Clips come in one burst, not at the speed of their clock.
      maxQueueSize: 100,
      maxQueueLatencyMs: 3_600_000,
      maxBehindMs: 3_600_000,
      // Their starts would be among the delays that tests let pass.
      warmFfmpeg: 0,
      openSession: (session) =>
        openTrickleSession({
          ...session,
          gopSeconds: 0.5,
          onEvent: (event) => this.events.push(event),
        }),
      ...options,
    });
  }

  /** Starts both; resolves when the processor was initialized, or could not be. */
  static async start(
    processor: FrameProcessor,
    options: Partial<StreamServerOptions> = {},
  ): Promise<InProcessWorker> {
    return await new InProcessWorker(processor, options).#started();
  }

  /** The same with a time that stands still unless the test moves {@linkcode clock}. */
  static async startStill(
    processor: FrameProcessor,
    options: Partial<StreamServerOptions> = {},
  ): Promise<InProcessWorker> {
    const clock = new ManualClock();
    return await new InProcessWorker(processor, { ...options, clock }, clock).#started();
  }

  async #started(): Promise<InProcessWorker> {
    this.trickle.listen();
    await this.server.start();
    await this.server.initialized;
    return this;
  }

  /** The messages of all errors so far. */
  get errors(): string[] {
    return this.events.flatMap((event) => event.type === "error" ? [event.error.message] : []);
  }

  /** How the streams ended so far. */
  get ends(): SessionEnd[] {
    return this.events.flatMap((event) => event.type === "ended" ? [event.end] : []);
  }

  /** Calls the API. */
  async call(path: string, body: unknown = {}): Promise<Answer> {
    const response = await fetch(`${this.server.url}${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    });
    const { message } = await response.json() as { message: string };
    return { status: response.status, message };
  }

  /** The status now. */
  async status(): Promise<Status> {
    const response = await fetch(`${this.server.url}/stream/status`);
    assert.equal(response.status, 200);
    return await response.json() as Status;
  }

  /**
   * Waits until no stream is active, while so much time passes with each look; the accounts of the last
   * stream must be right then.
   */
  async untilIdle({ stepMs = 0 } = {}): Promise<Status> {
    await until(async () => {
      this.clock.advance(stepMs);
      return (await this.status()).state === "IDLE";
    }, "an idle worker");
    const status = await this.status();
    assertAccounts(status.metrics);
    return status;
  }

  /** Starts a stream between channels of these names; fails unless it could be started. */
  async open(name: string, params: Record<string, unknown> = {}): Promise<InProcessStream> {
    const [input, output] = [`${name}-in`, `${name}-out`];
    this.trickle.createChannel(input, "video/mp2t");
    this.trickle.createChannel(output, "video/mp2t");
    return await this.openBetween(name, {
      subscribe: this.trickle.channelUrl(input),
      input: this.trickle.channelUrl(input),
      publish: this.trickle.channelUrl(output),
      params,
    });
  }

  /** Starts a stream that reads and writes these URLs; the test writes to `input`. */
  async openBetween(
    name: string,
    { subscribe, input, publish, params = {} }: {
      readonly subscribe: string;
      readonly input: string;
      readonly publish: string;
      readonly params?: Record<string, unknown>;
    },
  ): Promise<InProcessStream> {
    const { status, message } = await this.call("/stream/start", {
      gateway_request_id: name,
      subscribe_url: subscribe,
      publish_url: publish,
      params,
    });
    assert.equal(status, 200, message);
    return new InProcessStream(this, { input, publish });
  }

  /**
   * Runs segments through a stream of their own, of which `frames` pictures are to come out, and says
   * when those are.
   */
  async run(
    name: string,
    segments: readonly Uint8Array[],
    frames: number,
  ): Promise<number[]> {
    await using stream = await this.open(name);
    await stream.feed(segments);
    return await stream.end(frames);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within(this.server.stop(), "the server's end");
    await this.trickle[Symbol.asyncDispose]();
  }
}

/** A stream that was started. */
export class InProcessStream implements AsyncDisposable {
  readonly #worker: InProcessWorker;
  readonly #input: TricklePublisher;
  readonly #subscriber: TrickleSubscriber;
  readonly #reading: Promise<Uint8Array[]>;
  #joined = false;
  #receivedBytes = 0;

  constructor(worker: InProcessWorker, urls: { input: string; publish: string }) {
    this.#worker = worker;
    this.#input = new TricklePublisher(urls.input);
    this.#subscriber = new TrickleSubscriber(urls.publish, { start: 0 });
    this.#reading = this.#read();
    this.#reading.catch(() => {}); // thrown by outputTicks()
  }

  /** Publishes segments; the first of them only once the worker reads the channel. */
  async feed(segments: readonly Uint8Array[]): Promise<void> {
    for (const bytes of segments) {
      const segment = await this.#input.next();
      if (!this.#joined && bytes.length > 0) {
        await segment.write(bytes.subarray(0, 188));
        await until(() => this.#hasJoined, "the worker to read");
        await segment.write(bytes.subarray(188));
        this.#joined = true;
      } else await segment.write(bytes);
      await segment.close();
    }
  }

  /**
   * Ends the input, waits for an idle worker, and gives the times of the pictures that came out. Waits
   * for all but the last of `frames` before: what a reader has not yet begun to read is gone with the
   * channel.
   */
  async end(frames: number): Promise<number[]> {
    await this.received(frames - 1);
    await this.#input.close();
    await this.#worker.untilIdle();
    return await this.outputTicks();
  }

  /** Waits for the end of the output and gives the times of its pictures. */
  async outputTicks(): Promise<number[]> {
    const segments = await within(this.#reading, "the end of the output");
    return demux(joined(segments)).filter(({ kind }) => kind === "video")
      .map(({ ptsTicks }) => ptsTicks);
  }

  /** Waits until this many pictures came out, and all that the worker wrote was read. */
  async received(frames: number): Promise<void> {
    await until(async () => {
      const { frames_out, output_bytes } = (await this.#worker.status()).metrics;
      return frames_out >= frames && this.#receivedBytes >= output_bytes;
    }, `${frames} frames at the output`);
  }

  get #hasJoined(): boolean {
    const starts = this.#worker.events.filter(({ type }) => type === "state");
    const last = this.#worker.events.findLastIndex((event) =>
      event.type === "state" && event.state === "loading"
    );
    return starts.length > 0 &&
      this.#worker.events.slice(last).some(({ type }) => type === "first-input-segment");
  }

  async #read(): Promise<Uint8Array[]> {
    const segments: Uint8Array[] = [];
    for await (const { body } of this.#subscriber) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) {
        chunks.push(chunk);
        this.#receivedBytes += chunk.length;
      }
      segments.push(joined(chunks));
    }
    return segments;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input[Symbol.asyncDispose]();
    await this.#subscriber[Symbol.asyncDispose]();
    await this.#reading.catch(() => {}); // a test that failed shows its own error
  }
}
