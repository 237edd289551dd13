/**
 * Raw pictures in, H.264 out.
 *
 * @module
 */

import { roomLogger } from "../../base/log.ts";
import { type Rational, rescaleTicks, sameRational } from "../../base/rational.ts";
import { sameColor } from "../color.ts";
import type { NutEvent, NutPacketEvent } from "../nut/mod.ts";
import { sameSize, type Size } from "../rect.ts";
import type { ColorInfo, Packet, PixelFormat } from "../types.ts";
import { ENCODER_CLOCK_RATE, type Hardware, videoEncodeArguments } from "./arguments.ts";
import type { ChildRecipe } from "./codec_child.ts";
import { CodecEngine, type CoderOptions } from "./codec_engine.ts";
import type { CodecRunSpec, RunEnd } from "./codec_run.ts";
import { KeyframeClock } from "./keyframe_clock.ts";
import { checkEncodable, type PictureShape } from "./picture.ts";
import { rawTransport, type TransportKind } from "./transport.ts";
import type { EncoderSettings } from "./video_coding.ts";

const log = roomLogger("codec");
const CLOCK: Rational = { num: 1, den: ENCODER_CLOCK_RATE };

/** Options of a {@linkcode VideoEncoder}. */
export interface VideoEncoderOptions extends CoderOptions, EncoderSettings {
  /** Of the pictures' ticks, and so of the packets'. */
  readonly timeBase: Rational;
  /** The shape to start with: only used by {@linkcode VideoEncoder.prewarm}. */
  readonly shape?: PictureShape;
  /**
   * How the pictures' YUV values are meant, and what the stream is tagged with.
   * @default bt709, limited
   */
  readonly color?: ColorInfo;
  /** Size that every picture is scaled to. @default the pictures' own */
  readonly outputSize?: Size;
  /** The longest time from keyframe to keyframe. @default 2 */
  readonly gopSeconds?: number;
  /** About how many pictures a second will come; they may come at any other rate. @default 30 */
  readonly frameRate?: number;
  /**
   * Pictures that may be inside the child: what is more waits before it, where it can still be dropped. A
   * connection would hold several. @default as many as the connection holds
   */
  readonly maxInside?: number | undefined;
  /** Threads of the encoder, which share each picture; 0 leaves it to x264. @default 0 */
  readonly threads?: number;
  /** @default "none" */
  readonly hardware?: Hardware | undefined;
  /** How pictures get to the child. @default the fastest in `bench/transport_bench.ts` */
  readonly transport?: TransportKind;
}

/** One picture to encode. */
export interface RawVideo {
  /** In pixels; the last column or row of odd sizes is cropped. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  readonly pixelFormat: PixelFormat;
  /** Tightly packed; chroma planes of odd sizes are rounded up. */
  readonly data: Uint8Array;
  readonly ptsTicks: number;
  /** How its YUV values are meant. @default the encoder's */
  readonly color?: ColorInfo;
  /** Of the pixels that come out. @default 1:1 */
  readonly sampleAspect?: Rational | undefined;
  /** Size that it is scaled to; another than before begins with a keyframe. @default the encoder's */
  readonly outputSize?: Size;
  /** Whether it must become a keyframe. @default false */
  readonly forceKeyframe?: boolean;
}

type TaggedShape = PictureShape & {
  readonly color: ColorInfo;
  /** Absent where it is the pictures' own. */
  readonly outputSize: Size | undefined;
};

/** What a {@linkcode VideoEncoder} counts. */
export interface VideoEncoderStats {
  /** Packets that came out. */
  readonly packets: number;
  /** Pictures that were inside a child when it died, and packets that were dropped at the end. */
  readonly lostFrames: number;
  /** Children started in place of one that died. */
  readonly restarts: number;
  /** Children that were ended because they hung; they are among those that died. */
  readonly hangs: number;
  /** Whether hardware that was wanted gave nothing, and software went on in its place: 0 or 1. */
  readonly hardwareFallbacks: number;
  /** Children started because the pictures changed their shape. */
  readonly reconfigurations: number;
}

/**
 * Encodes H.264 (8 bits, 4:2:0, no B-frames) with one ffmpeg child. Every packet has exactly the
 * pts of its picture, in order; every keyframe carries its parameter sets. A picture of another
 * size or format goes on in a new child, in order and without loss; a child that dies is replaced
 * with the next picture, which is then a keyframe.
 */
export class VideoEncoder implements AsyncDisposable {
  readonly #options: VideoEncoderOptions;
  readonly #engine: CodecEngine<Packet>;
  #shape: TaggedShape | undefined;
  #hardware: Hardware;
  #clock: KeyframeClock;
  #inFlight = new Map<number, number>();
  /** Resolves when a picture comes out, or a child is gone. */
  #cameOut = Promise.withResolvers<void>();
  #counts = { packets: 0, lostFrames: 0, hardwareFallbacks: 0, reconfigurations: 0 };

  /** Creates an encoder; the child starts with the first picture, or with {@linkcode prewarm}. */
  constructor(options: VideoEncoderOptions) {
    this.#options = options;
    this.#hardware = options.hardware ?? "none";
    this.#clock = this.#newClock();
    this.#engine = new CodecEngine<Packet>({
      ...options,
      name: "video encoder",
      onDrop: () => this.#counts.lostFrames++,
    });
  }

  /** The process id of the child that takes input now. */
  get pid(): number | undefined {
    return this.#engine.current?.pid;
  }

  /** What the pictures are encoded with. */
  get hardware(): Hardware {
    return this.#hardware;
  }

  /** Counters so far. */
  get stats(): VideoEncoderStats {
    return { ...this.#counts, restarts: this.#engine.restarts, hangs: this.#engine.hangs };
  }

  /** Starts the child for the expected shape before there is a picture. Throws an `FfmpegError`. */
  prewarm(): void {
    const { shape } = this.#options;
    if (shape === undefined || this.#engine.current !== undefined) return;
    this.#begin({ ...shape, color: this.#color({}), outputSize: this.#outputSize(shape) });
  }

  /**
   * Takes the next picture; its memory is free again when the promise resolves. Rejects with a
   * `MediaError` for a picture that cannot be encoded, with an `FfmpegError` once encoding is
   * impossible; then the picture is not counted as lost. Calls need not wait for each other.
   */
  encode(picture: RawVideo): Promise<void> {
    return this.#engine.inTurn(() => this.#encode(picture));
  }

  /** Ends the input. Resolves when all packets came out, which needs somebody to take them. */
  flush(): Promise<void> {
    return this.#engine.flush();
  }

  /** The packets, in order. Ends after {@linkcode flush}; throws when encoding is impossible. */
  packets(): AsyncIterable<Packet> {
    return this.#engine.queue;
  }

  /** Stops the child and drops what was not taken. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
  }

  async #encode(picture: RawVideo): Promise<void> {
    checkEncodable(picture);
    const { width, height, pixelFormat, sampleAspect } = picture;
    const { data, ptsTicks, forceKeyframe } = picture;
    const outputSize = this.#outputSize(picture);
    const color = this.#color(picture);
    const shape = { width, height, pixelFormat, color, sampleAspect, outputSize };
    for (;;) {
      await this.#ensureRun(shape);
      const run = this.#engine.current;
      if (run === undefined) {
        // It ended in the meantime, alone or with all.
        await this.#engine.inOrder();
        continue;
      }
      const inFlight = this.#inFlight;
      if (!await this.#hasRoom(inFlight)) continue;
      const { tick } = this.#clock.tick(ptsTicks, forceKeyframe);
      inFlight.set(tick, ptsTicks);
      if (await run.send({ ptsTicks: tick, keyframe: true, data })) return;
      await run.done;
      if (!inFlight.delete(tick)) return; // it came out all the same
      // This picture is still here: it opens the next run.
      this.#counts.lostFrames--;
      await this.#engine.inOrder();
    }
  }

  /** Waits for room inside the child; false when it is gone. */
  async #hasRoom(inFlight: ReadonlyMap<number, number>): Promise<boolean> {
    const { maxInside = Infinity } = this.#options;
    const run = this.#engine.current;
    while (inFlight.size >= maxInside && this.#engine.current === run) await this.#cameOut.promise;
    if (this.#engine.current === run) return true;
    await this.#engine.inOrder();
    return false;
  }

  #wake(): void {
    this.#cameOut.resolve();
    this.#cameOut = Promise.withResolvers<void>();
  }

  async #ensureRun(shape: TaggedShape): Promise<void> {
    if (this.#engine.current !== undefined) {
      if (this.#shape !== undefined && sameShape(shape, this.#shape)) return;
      this.#counts.reconfigurations++;
      const { width, height, pixelFormat } = shape;
      log.debug(`video encoder: pictures are ${width}x${height} ${pixelFormat} now`);
      this.#engine.finishCurrent();
    }
    await this.#engine.room();
    this.#begin(shape);
  }

  #begin(shape: TaggedShape): void {
    this.#shape = { ...shape };
    this.#clock = this.#newClock();
    const inFlight = this.#inFlight = new Map<number, number>();
    let timeBase = CLOCK;
    const onEvent = async (event: NutEvent): Promise<void> => {
      if (event.kind === "streams") {
        timeBase = event.streams[0]?.timeBase ?? CLOCK;
        return;
      }
      await this.#emit(event, { inFlight, tick: rescaleTicks(event.ptsTicks, timeBase, CLOCK) });
    };
    const run = this.#engine.begin({ ...this.#runSpec(shape), onEvent }, {
      onEnd: (end) => this.#onRunEnd(end, inFlight, run.packetsOut),
    });
  }

  async #emit(
    { data, keyframe }: NutPacketEvent,
    { inFlight, tick }: { inFlight: Map<number, number>; tick: number },
  ): Promise<void> {
    const ptsTicks = inFlight.get(tick);
    inFlight.delete(tick);
    this.#wake();
    if (ptsTicks === undefined) throw new TypeError(`No picture went in with tick ${tick}`);
    this.#counts.packets++;
    const packet: Packet = { kind: "video", ptsTicks, dtsTicks: ptsTicks, keyframe, data };
    await this.#engine.queue.push(packet);
  }

  #runSpec(shape: TaggedShape): Omit<CodecRunSpec, "onEvent"> {
    const { width, height, pixelFormat } = shape;
    return {
      stream: { kind: "video", format: pixelFormat, timeBase: CLOCK, width, height },
      recipe: videoEncoderRecipe({ ...this.#options, hardware: this.#hardware }, shape),
    };
  }

  #onRunEnd(end: RunEnd, inFlight: Map<number, number>, packetsOut: number): void {
    this.#counts.lostFrames += inFlight.size;
    this.#wake();
    if (end.kind === "finished") return;
    if (this.#hardware === "none" || packetsOut > 0) return;
    log.warn("video encoder: hardware encoding gave nothing, going on in software");
    this.#hardware = "none";
    this.#counts.hardwareFallbacks++;
  }

  #color({ color }: { readonly color?: ColorInfo }): ColorInfo {
    return color ?? this.#options.color ?? { matrix: "bt709", fullRange: false };
  }

  #outputSize(picture: Size & Pick<RawVideo, "outputSize">): Size | undefined {
    const size = picture.outputSize ?? this.#options.outputSize;
    return size === undefined || sameSize(size, picture) ? undefined : size;
  }

  #newClock(): KeyframeClock {
    const { timeBase, gopSeconds = 2 } = this.#options;
    return new KeyframeClock({ timeBase, gopSeconds });
  }
}

/** How the child of an encoder for pictures of this shape is started. */
export function videoEncoderRecipe(
  options: Pick<
    VideoEncoderOptions,
    "frameRate" | "preset" | "crf" | "threads" | "bitrate" | "hardware" | "transport"
  >,
  shape: PictureShape & {
    readonly color: ColorInfo;
    readonly outputSize?: Size | undefined;
  },
): ChildRecipe {
  const { frameRate = 30, preset = "superfast", crf = 23, threads = 0 } = options;
  const { bitrate, hardware = "none" } = options;
  const { width, height, pixelFormat, color, sampleAspect, outputSize } = shape;
  return {
    name: "video encoder",
    input: options.transport ?? rawTransport(),
    output: "pipe",
    args: (urls) =>
      videoEncodeArguments({
        ...urls,
        ...{ width, height, pixelFormat, color, sampleAspect },
        ...{ frameRate, preset, crf, threads, hardware },
        ...(bitrate === undefined ? {} : { bitrate }),
        ...(outputSize === undefined ? {} : { outputSize }),
      }),
  };
}

function sameShape(a: TaggedShape, b: TaggedShape): boolean {
  return sameSize(a, b) && a.pixelFormat === b.pixelFormat &&
    sameSize(a.outputSize ?? a, b.outputSize ?? b) &&
    sameColor(a.color, b.color) && sameRational(a.sampleAspect, b.sampleAspect);
}
