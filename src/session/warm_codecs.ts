/**
 * Which ffmpeg children most streams need, before there is a stream.
 *
 * @module
 */

import { type Clock, MPEG_TIME_BASE, pauseOn, systemClock } from "../base/mod.ts";
import {
  audioDecoderRecipe,
  audioOutputRecipe,
  type ChildRecipe,
  type CodecChild,
  type EncoderSettings,
  outputSettings,
  videoDecoderRecipe,
  videoEncoderRecipe,
  type VideoHardware,
  WarmSet,
  type WarmSetOptions,
} from "../media/codec/mod.ts";
import type { ColorInfo } from "../media/types.ts";
import { type FrameProcessor, handlesAudio, handlesVideo } from "../processor/mod.ts";
import { rehearse } from "./rehearsal.ts";
import { DEFAULT_TARGET_FPS, type OutputAudioCodec } from "./types.ts";
import { encoderFrameRate } from "./video/frame_rate_limiter.ts";

/** What of a worker's options tells which children its streams need. */
export interface UsualStream {
  /** See `SessionOptions.targetFps`. */
  readonly targetFps?: number | undefined;
  /** See `SessionOptions.audioCodec`. */
  readonly audioCodec?: OutputAudioCodec | undefined;
  /** See `SessionOptions.hardware`. */
  readonly hardware?: VideoHardware | undefined;
  /** See `SessionOptions.encoder`. */
  readonly encoder?: EncoderSettings | undefined;
}

/** Options of {@linkcode WarmCodecs}. Structured-cloneable, apart from the clock. */
export interface WarmCodecsOptions extends UsualStream {
  /** See `WarmSetOptions.maxChildren`; 0 for none. @default 6 */
  readonly maxChildren?: number | undefined;
  /** See `WarmSetOptions.idleMs`. @default {Infinity} */
  readonly idleMs?: number | undefined;
  /** See `WarmSetOptions.clock`. */
  readonly clock?: WarmSetOptions["clock"];
}

/** Children that wait start first. */
const REHEARSAL_DELAY_MS = 1_000;

/**
 * What waits for the streams of a worker: children of ffmpeg, and code that has run once. The worker owns it
 * and ends it.
 */
export class WarmCodecs extends WarmSet {
  readonly #usual: UsualStream;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  #rehearsal: Promise<void> | undefined;

  /** Creates an empty set; {@linkcode expect} fills it. */
  constructor(options: WarmCodecsOptions = {}) {
    const { maxChildren, idleMs, clock } = options;
    super({
      ...(maxChildren === undefined ? {} : { maxChildren }),
      ...(idleMs === undefined ? {} : { idleMs }),
      ...(clock === undefined ? {} : { clock }),
    });
    this.#usual = options;
    this.#clock = clock ?? systemClock;
  }

  /** Starts what usual streams through this processor need, and rehearses one unless one has begun. */
  expect(processor: FrameProcessor): void {
    this.want(usualRecipes(processor, this.#usual));
    this.start();
    this.#rehearsal ??= this.#rehearse();
  }

  /** See {@linkcode WarmSet.take}: a stream begins, which needs no rehearsal any more. */
  override take(recipe: ChildRecipe): CodecChild | undefined {
    this.#abort.abort();
    return super.take(recipe);
  }

  /** Ends all that waits. Idempotent. */
  override async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await Promise.all([this.#rehearsal, super[Symbol.asyncDispose]()]);
  }

  async #rehearse(): Promise<void> {
    const { signal } = this.#abort;
    await pauseOn(this.#clock, REHEARSAL_DELAY_MS, signal);
    const { audioCodec = "opus", encoder } = this.#usual;
    if (!signal.aborted) await rehearse({ audioCodec, encoder, signal });
  }
}

const COLORS: readonly ColorInfo[] = [
  { matrix: "bt709", fullRange: false },
  { matrix: "bt601", fullRange: false },
];
const STEREO = { sampleRate: 48_000, channels: 2 };
const MONO = { sampleRate: 48_000, channels: 1 };

/**
 * The children of streams with H.264 video of any size in limited range and AAC, the most
 * usual first: without B-frames and in HD colours.
 */
export function usualRecipes(processor: FrameProcessor, usual: UsualStream = {}): ChildRecipe[] {
  const { pixelFormat } = processor;
  const { targetFps = DEFAULT_TARGET_FPS, audioCodec = "opus", hardware = {}, encoder } = usual;
  const frameRate = encoderFrameRate(targetFps);
  const decoder = (color: ColorInfo, reorderDepth: number): ChildRecipe =>
    videoDecoderRecipe({
      timeBase: MPEG_TIME_BASE,
      pixelFormat,
      hardware: hardware.decoder,
      stream: { codec: "h264", color, reorderDepth },
    });
  const [stereo, mono] = [STEREO, MONO].map((shape) => soundRecipes(processor, audioCodec, shape));
  // Pictures that nobody looks at are copied, and not decoded.
  if (processor.readOnly && !handlesVideo(processor)) return [...stereo!, ...mono!];
  const [hd, sd] = COLORS.map((color) => [
    decoder(color, 0),
    // Any even size will do: the command line does not name it. What only is looked at is copied.
    ...(processor.readOnly ? [] : [
      videoEncoderRecipe({ frameRate, hardware: hardware.encoder, ...encoder }, {
        width: 2,
        height: 2,
        pixelFormat,
        color,
      }),
    ]),
  ]);
  const reordered = decoder(COLORS[0]!, 1);
  return [...hd!, ...stereo!, ...sd!, ...mono!, reordered];
}

function soundRecipes(
  processor: FrameProcessor,
  audioCodec: OutputAudioCodec,
  shape: typeof STEREO,
): ChildRecipe[] {
  const decoders = handlesAudio(processor) ? [audioDecoderRecipe("aac")] : [];
  if (decoders.length > 0 && !processor.readOnly) {
    const codec = audioCodec === "source" ? "aac" : audioCodec;
    const settings = outputSettings({ codec, ...shape }, shape);
    return [...decoders, audioOutputRecipe("audio encoder", settings)];
  }
  if (audioCodec !== "opus") return decoders; // copied
  return [
    ...decoders,
    audioOutputRecipe("audio transcoder", outputSettings({ codec: "opus", ...shape }, shape)),
  ];
}
