/**
 * Compressed video in, raw pictures out.
 *
 * @module
 */

import { sameBytes } from "../../base/bytes.ts";
import { MediaError } from "../../base/errors.ts";
import { roomLogger } from "../../base/log.ts";
import { type Rational, sameRational } from "../../base/rational.ts";
import { decodedColor, sameColor } from "../color.ts";
import { FramePool } from "../frame_pool.ts";
import { type NutEvent, NutMuxer, type NutPacketEvent, type NutStream } from "../nut/mod.ts";
import { pictureBytes } from "../picture.ts";
import { sameSize, type Size } from "../rect.ts";
import type { ColorInfo, Packet, PixelFormat, VideoStreamInfo } from "../types.ts";
import { type Hardware, videoDecodeArguments } from "./arguments.ts";
import type { ChildRecipe } from "./codec_child.ts";
import { CodecEngine, type CoderOptions, nothingDecoded } from "./codec_engine.ts";
import type { CodecRunSpec, RunEnd } from "./codec_run.ts";
import { sequenceParameterSets } from "./parameter_sets.ts";
import { PtsMap } from "./pts_map.ts";
import type { ToneMapping } from "./tone_map.ts";
import { rawTransport, type TransportKind } from "./transport.ts";

const log = roomLogger("codec");

/** One raw picture. */
export interface DecodedVideo {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  readonly pixelFormat: PixelFormat;
  /** Tightly packed; chroma planes of odd sizes are rounded up. In memory from the pool. */
  readonly data: Uint8Array;
  /** The pts of the packet it came from. */
  readonly ptsTicks: number;
  readonly color: ColorInfo;
  /** Of its pixels. @default 1:1 */
  readonly sampleAspect: Rational | undefined;
  /** Gives the memory back; `data` must not be used afterwards. Idempotent. */
  release(): void;
}

/** A stream, and what a decoder is to make of it. */
export interface DecodedStream extends VideoStreamInfo {
  /** How PQ and HLG become BT.709; see {@linkcode findToneMapping}. @default they stay */
  readonly toneMap?: ToneMapping | undefined;
}

/** Options of a {@linkcode VideoDecoder}. */
export interface VideoDecoderOptions extends CoderOptions {
  readonly stream: DecodedStream;
  /** Of the packets' ticks, and so of the pictures'. */
  readonly timeBase: Rational;
  /** @default "i420" */
  readonly pixelFormat?: PixelFormat;
  /**
   * Scale to cover this size, keeping the aspect, and crop to the centre.
   * @default the source's size
   */
  readonly scale?: Size;
  /** Where the pictures' memory comes from. @default a pool of its own */
  readonly pool?: FramePool;
  /** Threads of the decoder; more than one helps only with streams that have slices. @default 1 */
  readonly threads?: number;
  /** @default "none" */
  readonly hardware?: Hardware | undefined;
  /** How pictures get here. @default the fastest in `bench/transport_bench.ts` */
  readonly transport?: TransportKind;
}

/** What a {@linkcode VideoDecoder} counts. */
export interface VideoDecoderStats {
  /** Pictures that came out. */
  readonly frames: number;
  /** Packets left out while waiting for a keyframe. */
  readonly droppedPackets: number;
  /** Packets that were inside a child when it died, and pictures that were dropped at the end. */
  readonly lostPackets: number;
  /** Packets that the decoder made no picture of: damaged ones. */
  readonly undecodedPackets: number;
  /** Children started in place of one that died. */
  readonly restarts: number;
  /** Children that were ended because they hung; they are among those that died. */
  readonly hangs: number;
  /** Whether hardware that was wanted gave nothing, and software went on in its place: 0 or 1. */
  readonly hardwareFallbacks: number;
  /** Children started because the stream, or the size to scale to, changed. */
  readonly reconfigurations: number;
}

/**
 * Decodes H.264 and HEVC with one ffmpeg child. Pictures come out in the order in which they are
 * shown, each with exactly the pts of its packet. A stream that changes its size goes on in a new
 * child, in order and without loss; a child that dies is replaced at the next keyframe.
 */
export class VideoDecoder implements AsyncDisposable {
  readonly #options: VideoDecoderOptions;
  readonly #engine: CodecEngine<DecodedVideo>;
  readonly #pool: FramePool;
  #stream: DecodedStream;
  #scale: Size | undefined;
  #hardware: Hardware;
  #pts: PtsMap;
  /** What the child that takes input was begun with. */
  #begun: Begun | undefined;
  /** Whether packets up to the next keyframe are of a stream that may not take over yet. */
  #isLeftOut = false;
  #counts = {
    frames: 0,
    droppedPackets: 0,
    lostPackets: 0,
    undecodedPackets: 0,
    hardwareFallbacks: 0,
    reconfigurations: 0,
  };

  /** Creates a decoder; the child starts with the first keyframe, or with {@linkcode prewarm}. */
  constructor(options: VideoDecoderOptions) {
    this.#options = options;
    this.#stream = options.stream;
    this.#scale = options.scale;
    this.#hardware = options.hardware ?? "none";
    this.#pool = options.pool ?? new FramePool();
    this.#pts = new PtsMap(options.timeBase);
    this.#engine = new CodecEngine<DecodedVideo>({
      ...options,
      name: "video decoder",
      onDrop: (frame) => {
        frame.release();
        this.#counts.lostPackets++;
      },
    });
  }

  /** The process id of the child that takes input now. */
  get pid(): number | undefined {
    return this.#engine.current?.pid;
  }

  /** What the packets are decoded with. */
  get hardware(): Hardware {
    return this.#hardware;
  }

  /** Counters so far. */
  get stats(): VideoDecoderStats {
    return { ...this.#counts, restarts: this.#engine.restarts, hangs: this.#engine.hangs };
  }

  /**
   * Starts the child before there is a packet, which saves about 100 ms then. Throws an
   * `FfmpegError`.
   */
  prewarm(): void {
    if (this.#engine.current === undefined) this.#begin();
  }

  /**
   * Takes the next packet. Resolves when the child has it: at once, unless more pictures wait to be
   * taken than the queue holds. Rejects with an `FfmpegError` or `MediaError` once decoding is
   * impossible; then the packet is in none of the counts. Calls need not wait for each other.
   */
  decode(packet: Packet): Promise<void> {
    return this.#engine.inTurn(() => this.#decode(packet));
  }

  /**
   * Says that the stream is another from the next keyframe on. Packets before it are still decoded.
   */
  reconfigure(stream: DecodedStream): Promise<void> {
    return this.#engine.inTurn(() => {
      this.#stream = stream;
      return Promise.resolve();
    });
  }

  /**
   * Scales to another size from the next keyframe on, as `scale` says. Pictures before it keep theirs;
   * none is lost.
   */
  rescale(scale: Size): Promise<void> {
    return this.#engine.inTurn(() => {
      this.#scale = scale;
      return Promise.resolve();
    });
  }

  /** Ends the input. Resolves when all pictures came out, which needs somebody to take them. */
  flush(): Promise<void> {
    return this.#engine.flush(() => {
      const { frames, undecodedPackets, lostPackets } = this.#counts;
      const wasted = undecodedPackets + lostPackets;
      return frames > 0 || wasted === 0 ? undefined : nothingDecoded(this.#stream.codec, wasted);
    });
  }

  /** The pictures, in order. Ends after {@linkcode flush}; throws when decoding is impossible. */
  frames(): AsyncIterable<DecodedVideo> {
    return this.#engine.queue;
  }

  /** Stops the child and drops what was not taken. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
  }

  async #decode(packet: Packet): Promise<void> {
    if (packet.keyframe) this.#noticeChange(packet);
    for (;;) {
      const isWithoutChild = this.#engine.current === undefined;
      if (this.#isLeftOut || isWithoutChild && !packet.keyframe) {
        this.#counts.droppedPackets++;
        return;
      }
      if (isWithoutChild) {
        await this.#engine.room();
        this.#begin(sequenceParameterSets(packet.data, this.#stream.codec)?.slice());
      }
      const run = this.#engine.current!;
      const pts = this.#pts;
      const tick = pts.enter(packet.ptsTicks, packet.dtsTicks);
      if (await run.send({ ptsTicks: tick, keyframe: packet.keyframe, data: packet.data })) return;
      // The child is gone, and with it this packet: only a keyframe is worth another try.
      const end = await run.done;
      if (!packet.keyframe) return;
      if (!pts.withdraw(tick)) return; // it came out all the same
      this.#counts[end.kind === "died" ? "lostPackets" : "undecodedPackets"]--;
      await this.#engine.inOrder();
    }
  }

  #noticeChange(packet: Packet): void {
    this.#isLeftOut = false;
    const begun = this.#begun;
    if (this.#engine.current === undefined || begun === undefined) return;
    const sets = sequenceParameterSets(packet.data, this.#stream.codec);
    begun.parameterSets ??= sets?.slice();
    const differ = sets !== undefined && !sameBytes(sets, begun.parameterSets!);
    if (!differ && sameStream(this.#stream, begun.stream) && sameSize(this.#scale, begun.scale)) {
      return;
    }
    this.#isLeftOut = !this.#engine.mayChange();
    if (this.#isLeftOut) return;
    this.#counts.reconfigurations++;
    log.debug("video decoder: the stream or its size changes, a new child takes over");
    this.#engine.finishCurrent();
  }

  #begin(parameterSets?: Uint8Array): void {
    this.#begun = { stream: this.#stream, scale: this.#scale, parameterSets };
    const pts = this.#pts = new PtsMap(this.#options.timeBase);
    const picture = new PictureReader(this.#options, {
      color: decodedColor(this.#stream.color, this.#stream.toneMap !== undefined),
      // Scaled pictures have square pixels.
      sampleAspect: this.#scale === undefined ? this.#stream.sampleAspect : undefined,
      pool: this.#pool,
      pts,
    });
    const onEvent = async (event: NutEvent): Promise<void> => {
      const frame = picture.read(event);
      if (frame === undefined) return;
      this.#counts.frames++;
      await this.#engine.queue.push(frame);
    };
    const run = this.#engine.begin({ ...this.#runSpec(), onEvent }, {
      onEnd: (end) => this.#onRunEnd(end, pts, run.packetsOut),
    });
  }

  #runSpec(): Omit<CodecRunSpec, "onEvent"> {
    return {
      stream: inputStream(this.#stream, this.#options.timeBase),
      recipe: videoDecoderRecipe({
        ...this.#options,
        stream: this.#stream,
        scale: this.#scale,
        hardware: this.#hardware,
      }),
      allocate: (bytes) => this.#pool.allocate(bytes),
      release: (memory) => this.#pool.release(memory),
    };
  }

  #onRunEnd(end: RunEnd, pts: PtsMap, framesOut: number): void {
    this.#counts.undecodedPackets += pts.skipped;
    const inside = pts.inFlight;
    if (end.kind === "finished") {
      this.#counts.undecodedPackets += inside;
      return;
    }
    this.#counts.lostPackets += inside;
    if (this.#hardware === "none" || framesOut > 0) return;
    log.warn("video decoder: hardware decoding gave nothing, going on in software");
    this.#hardware = "none";
    this.#counts.hardwareFallbacks++;
  }
}

/** What is known of the pictures of one child. */
interface PictureContext extends Pick<DecodedVideo, "color" | "sampleAspect"> {
  readonly pool: FramePool;
  readonly pts: PtsMap;
}

/** What a child decodes. */
interface Begun {
  readonly stream: DecodedStream;
  readonly scale: Size | undefined;
  /** Undefined as long as its stream has none. */
  parameterSets: Uint8Array | undefined;
}

/** What a child is told of its input. */
function inputStream(
  { codec, reorderDepth }: Pick<DecodedStream, "codec" | "reorderDepth">,
  timeBase: Rational,
): NutStream {
  // The parameter sets say the true size; NUT only insists that there is one.
  const size = { width: 16, height: 16 };
  return { kind: "video", format: codec, timeBase, ...size, decodeDelay: reorderDepth };
}

/** How the child of a decoder with these options is started: what the command line says of it. */
export function videoDecoderRecipe(
  options:
    & Pick<VideoDecoderOptions, "timeBase" | "pixelFormat" | "threads" | "hardware" | "transport">
    & {
      readonly stream: Pick<
        DecodedStream,
        "codec" | "color" | "reorderDepth" | "sampleAspect" | "toneMap"
      >;
    }
    & { readonly scale?: Size | undefined },
): ChildRecipe {
  const { stream, scale, timeBase, pixelFormat = "i420", threads = 1, hardware = "none" } = options;
  const { color, reorderDepth, sampleAspect, toneMap } = stream;
  const settings = { timeBase, pixelFormat, color, sampleAspect, toneMap, threads, hardware };
  const input = new NutMuxer([inputStream(stream, timeBase)], { syncpoints: "first-packet" });
  return {
    name: "video decoder",
    input: "pipe",
    output: options.transport ?? rawTransport(),
    // Of the others ffmpeg reads some packets before it opens anything.
    opening: reorderDepth === 0 ? input.opening() : undefined,
    args: (urls) =>
      videoDecodeArguments({
        ...urls,
        ...settings,
        inOrder: reorderDepth === 0,
        ...(scale === undefined ? {} : { scale }),
      }),
  };
}

/** Turns what one child writes into pictures. */
class PictureReader {
  readonly #options: VideoDecoderOptions;
  readonly #context: PictureContext;
  #size: Size | undefined;

  constructor(
    options: VideoDecoderOptions,
    context: PictureContext,
  ) {
    this.#options = options;
    this.#context = context;
  }

  read(event: NutEvent): DecodedVideo | undefined {
    if (event.kind === "packet") return this.#picture(event);
    const [stream] = event.streams;
    if (stream?.kind === "video") this.#size = { width: stream.width, height: stream.height };
    return undefined;
  }

  #picture({ ptsTicks: tick, data }: NutPacketEvent): DecodedVideo {
    const { color, sampleAspect, pool, pts } = this.#context;
    const pixelFormat = this.#options.pixelFormat ?? "i420";
    const size = this.#size;
    if (size === undefined || pictureBytes(pixelFormat, size.width, size.height) !== data.length) {
      pool.release(data);
      throw new MediaError(
        "MEDIA_BAD_FRAME",
        `Cannot read a picture: ${data.length} bytes are not ${size?.width}x${size?.height} ` +
          `${pixelFormat}; the stream changed its size without a new parameter set`,
      );
    }
    const ptsTicks = pts.leave(tick) ?? pts.guess(tick);
    const release = (): void => pool.release(data);
    return { ...size, pixelFormat, data, ptsTicks, color, sampleAspect, release };
  }
}

function sameStream(a: DecodedStream, b: DecodedStream): boolean {
  return a.codec === b.codec && sameSize(a, b) && a.reorderDepth === b.reorderDepth &&
    sameColor(a.color, b.color) &&
    a.toneMap === b.toneMap && sameRational(a.sampleAspect, b.sampleAspect);
}
