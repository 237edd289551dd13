/** A worker, a trickle server and four live streams, on which faults are let loose one after the other. */

import { WorkerProcess } from "../../../bench/worker_process.ts";
import type { MediaClip } from "../../../bench/live_feed.ts";
import { makeTestClip } from "../clips.ts";
import { type Footprint, settledFootprint } from "../footprint.ts";
import { readSamples } from "../../server/prometheus/prometheus_text.ts";
import { until } from "../../waiting.ts";
import { ChaosStream } from "./chaos_stream.ts";
import { RefusingServer } from "./refusing_server.ts";

const STREAMS = 4;
/** The sizes that an input may change to. */
const SIZES = [[192, 144], [256, 144], [144, 192]] as const;
const FPS = 16;
/** The cap of the first stream: below its rate, so that frames are dropped for it all the time. */
const CAPPED_FPS = 12;

/** What became of the frames of a stream that has ended, as the worker logs it. */
export interface EndedStream {
  readonly stream: string;
  /** The reason. */
  readonly ended: string;
  readonly frames_in: number;
  readonly frames_out: number;
  readonly frames_consumed: number;
  readonly frames_dropped: number;
  readonly frames_dropped_by_reason: Readonly<Record<string, number>>;
  readonly segments_lost: number;
  /** Frames of `frames_out` that the server has not acknowledged. */
  readonly frames_lost: number;
}

/** Everything that a fault can get at. */
export class ChaosRig implements AsyncDisposable {
  readonly server: RefusingServer;
  readonly worker: WorkerProcess;
  readonly streams: readonly ChaosStream[];
  readonly clips: readonly MediaClip[];
  /** A whole number below a bound. */
  readonly random: (bound: number) => number;
  readonly #disk: string;
  #readLines = 0;
  readonly #ended: EndedStream[] = [];

  private constructor(
    parts: Pick<ChaosRig, "server" | "worker" | "clips" | "random"> & { readonly disk: string },
  ) {
    this.server = parts.server;
    this.worker = parts.worker;
    this.clips = parts.clips;
    this.random = parts.random;
    this.#disk = parts.disk;
    const [clip] = parts.clips;
    this.streams = Array.from(
      { length: STREAMS },
      (_, index) =>
        new ChaosStream(index, {
          ...parts,
          clip: clip!,
          ...(index === 0 ? { params: { max_framerate: CAPPED_FPS } } : {}),
        }),
    );
  }

  /** Starts the worker with more arguments of `serve`, and the server; no stream yet. */
  static async start(
    { random, args = [] }: {
      readonly random: (bound: number) => number;
      readonly args?: readonly string[];
    },
  ): Promise<ChaosRig> {
    await using stack = new AsyncDisposableStack();
    const clips: MediaClip[] = [];
    for (const [width, height] of SIZES) {
      clips.push(await makeTestClip({ width, height, fps: FPS, seconds: 0.5, gopSeconds: 0.5 }));
    }
    const server = stack.use(new RefusingServer());
    server.listen();
    const disk = await Deno.makeTempDir({ prefix: "chaos-" });
    stack.defer(() => Deno.remove(disk, { recursive: true }));
    await Deno.mkdir(`${disk}/tmp`);
    const worker = stack.use(
      await WorkerProcess.start([
        ...["--capacity", `${STREAMS}`, "--target-fps", "60", "--warm-ffmpeg", "0"],
        ...["--log-format", "json", "--log-level", "info", ...args],
      ], { env: { TMPDIR: `${disk}/tmp` } }),
    );
    const rig = new ChaosRig({ server, worker, clips, random, disk });
    await until(async () => await rig.health() === "IDLE", "IDLE");
    rig.#stack = stack.move();
    return rig;
  }

  #stack: AsyncDisposableStack | undefined;

  /** What `/health` says. */
  async health(): Promise<unknown> {
    return (await this.worker.call("/health")).json["status"];
  }

  /** Whether the folder for temporary files can be written to. */
  disk(state: "full" | "free"): void {
    // Nothing can be made below a device, whoever asks.
    Deno.removeSync(`${this.#disk}/tmp`, { recursive: true });
    if (state === "full") Deno.symlinkSync("/dev/full", `${this.#disk}/tmp`);
    else Deno.mkdirSync(`${this.#disk}/tmp`);
  }

  /** The names of the streams that have not ended. */
  async active(): Promise<Set<string>> {
    const { json } = await this.worker.call("/stream/status");
    const streams = json["streams"] as readonly { readonly stream_id: string }[];
    return new Set(streams.map(({ stream_id }) => stream_id));
  }

  /** Frames lost so far, by reason, of all streams. */
  async losses(): Promise<Map<string, number>> {
    const text = await (await fetch(`${this.worker.url}/metrics`)).text();
    return new Map(
      readSamples(text.replaceAll(/^runnel_(?!frames_dropped_total).*$/gm, ""))
        .filter(({ name }) => name === "runnel_frames_dropped_total")
        .map(({ labels, value }) => [labels["reason"]!, value]),
    );
  }

  /** The streams that have ended so far, in that order. */
  get ended(): readonly EndedStream[] {
    const { log } = this.worker;
    for (; this.#readLines < log.length; this.#readLines++) {
      const line = log[this.#readLines]!;
      if (line.includes('"ended":')) this.#ended.push(JSON.parse(line));
    }
    return this.#ended;
  }

  /** Stops all streams, and says what the worker holds then. */
  async settle(): Promise<Footprint> {
    for (const stream of this.streams) {
      await this.worker.call("/stream/stop", { gateway_request_id: stream.name });
    }
    await until(async () => await this.health() === "IDLE", "IDLE");
    // As many connections as are kept alive after faults at once, before and after.
    await Promise.all(Array.from({ length: 8 }, () => this.health()));
    return await settledFootprint(this.worker.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.streams.map((stream) => stream[Symbol.asyncDispose]()));
    await this.#stack?.[Symbol.asyncDispose]();
  }
}
