/** One of the streams of the chaos run: its channels, its feed, and what comes out. */

import { MpegTsDemuxer } from "../../../src/media/mpegts/mod.ts";
import type { LocalSubscriber, TrickleServer } from "../../../src/trickle/mod.ts";
import type { WorkerProcess } from "../../../bench/worker_process.ts";
import type { MediaClip } from "../../../bench/live_feed.ts";
import { until } from "../../waiting.ts";
import { ChaosFeed } from "./chaos_feed.ts";
import { FaultyProxy } from "./faulty_proxy.ts";

/** The channels of a stream, and the network that each kind goes through. */
export type ChannelKind = "input" | "output" | "control" | "events" | "data";

const KINDS: readonly ChannelKind[] = ["input", "output", "control", "events", "data"];
const SIDES: ReadonlySet<ChannelKind> = new Set(["control", "events", "data"]);

/** What the reader of a stream's output saw in one life. */
export interface LifeSeen {
  readonly name: string;
  /** Pictures that came out. */
  pictures: number;
  /** Segments that were gone before the reader came to them. */
  skipped: number;
  /** Whether the output channel was deleted under it, with what was in it. */
  isCut: boolean;
}

/** Started, ended and started again, under a name of its own each time. */
export class ChaosStream implements AsyncDisposable {
  readonly index: number;
  readonly feed: ChaosFeed;
  readonly network: Readonly<Record<"input" | "output" | "side", FaultyProxy>>;
  /** Pictures that came out, of all its lives. */
  pictures = 0;
  /** What came out of each life, the present one last. */
  readonly seen: LifeSeen[] = [];
  /** The longest time without a picture since {@linkcode watch}. */
  #longestGapMs = 0;
  #lastPictureMs = performance.now();
  #life = 0;
  #reader: LocalSubscriber | undefined;
  #reading: Promise<void> = Promise.resolve();
  readonly #server: TrickleServer;
  readonly #worker: WorkerProcess;
  readonly #params: Readonly<Record<string, unknown>>;

  constructor(
    index: number,
    { server, worker, clip, params = {} }: {
      readonly server: TrickleServer;
      readonly worker: WorkerProcess;
      readonly clip: MediaClip;
      readonly params?: Readonly<Record<string, unknown>>;
    },
  ) {
    this.#params = params;
    this.index = index;
    this.#server = server;
    this.#worker = worker;
    this.feed = new ChaosFeed(clip);
    const port = server.address!.port;
    this.network = {
      input: new FaultyProxy(port),
      output: new FaultyProxy(port),
      side: new FaultyProxy(port),
    };
  }

  /** What it is called in this life. */
  get name(): string {
    return `chaos${this.index}-${this.#life}`;
  }

  /** How often it was started. */
  get lives(): number {
    return this.#life;
  }

  /** The name of a channel of this life. */
  channel(kind: ChannelKind): string {
    return `${this.name}-${kind}`;
  }

  /** Begins another life: with channels and an id of its own. */
  async start(): Promise<void> {
    await this.#close();
    this.#life++;
    for (const kind of KINDS) {
      this.#server.createChannel(this.channel(kind), kind === "control" ? "" : "video/mp2t");
    }
    const { name } = this;
    await until(async () => {
      const { status, json } = await this.#worker.call("/stream/start", {
        gateway_request_id: name,
        subscribe_url: this.#url("input"),
        publish_url: this.#url("output"),
        control_url: this.#url("control"),
        events_url: this.#url("events"),
        data_url: this.#url("data"),
        params: { chaos: this.#life, ...this.#params },
      });
      if (status !== 200 && status !== 503) throw new Error(`start: ${JSON.stringify(json)}`);
      return status === 200;
    }, `the start of ${name}`);
    this.seen.push({ name, pictures: 0, skipped: 0, isCut: false });
    this.#reader = this.#server.subscriber(this.channel("output"), { start: 0 });
    this.#reading = this.#read(this.#reader);
    this.feedChannel();
  }

  /** Feeds the input channel, which may be a new one of the same name. */
  feedChannel(): void {
    this.feed.publishTo(this.#server.publisher(this.channel("input"), { ownsChannel: false }));
  }

  /** Deletes a channel and makes it anew. */
  recreate(kind: ChannelKind): void {
    const name = this.channel(kind);
    const life = this.seen.at(-1);
    if (kind === "output" && life !== undefined) life.isCut = true;
    this.#server.closeChannel(name);
    this.#server.createChannel(name, "video/mp2t");
    if (kind === "input") this.feedChannel();
  }

  /** Publishes a message on the control channel. */
  async control(message: string): Promise<void> {
    await using publisher = this.#server.publisher(this.channel("control"), { ownsChannel: false });
    await publisher.publishMessage(message).catch(() => {}); // the channel may be gone with its stream
  }

  /** Begins to measure the longest time without a picture. */
  watch(): void {
    this.#longestGapMs = 0;
  }

  /** The longest time without a picture since {@linkcode watch}, in milliseconds. */
  get longestGapMs(): number {
    return Math.max(this.#longestGapMs, performance.now() - this.#lastPictureMs);
  }

  /** The network is fine again, whatever it was. */
  calm(): void {
    for (const network of Object.values(this.network)) network.weather = "fine";
    this.feed.isSilent = false;
  }

  /** Ends the input, so that the worker ends the stream with it. */
  endInput(): void {
    this.feed.publishTo(undefined);
    this.#server.closeChannel(this.channel("input"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.calm();
    await this.feed[Symbol.asyncDispose]();
    await this.#close();
    for (const network of Object.values(this.network)) await network[Symbol.asyncDispose]();
  }

  #url(kind: ChannelKind): string {
    const way = SIDES.has(kind) ? "side" : kind as "input" | "output";
    return this.network[way].url(this.channel(kind));
  }

  /** Leaves nothing of the life before. */
  async #close(): Promise<void> {
    this.feed.publishTo(undefined);
    if (this.#life > 0) { for (const kind of KINDS) this.#server.closeChannel(this.channel(kind)); }
    await this.#reader?.[Symbol.asyncDispose]();
    await this.#reading;
  }

  async #read(reader: LocalSubscriber): Promise<void> {
    const life = this.seen.at(-1)!;
    try {
      for await (const segment of reader) {
        // Each plays alone; one that was cut leaves nothing to the next.
        const demuxer = new MpegTsDemuxer();
        for await (const chunk of segment.body) this.#count(demuxer.push(chunk), life);
        this.#count(demuxer.flush(), life);
        life.skipped = reader.stats.skippedSegments + reader.stats.droppedSegments;
      }
    } catch {
      // The channel is gone with its life.
    }
  }

  #count(
    events: Iterable<{ readonly kind: string; readonly stream?: string }>,
    life: LifeSeen,
  ): void {
    for (const { kind, stream } of events) {
      if (kind !== "packet" || stream !== "video") continue;
      const now = performance.now();
      this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastPictureMs);
      this.#lastPictureMs = now;
      this.pictures++;
      life.pictures++;
    }
  }
}
