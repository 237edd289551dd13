/**
 * Which ffmpeg children most streams need, before there is a stream.
 *
 * @module
 */

import { MPEG_TIME_BASE } from "../base/mod.ts";
import {
  audioDecoderRecipe,
  audioOutputRecipe,
  type ChildRecipe,
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
import { DEFAULT_TARGET_FPS, type OutputAudioCodec } from "./types.ts";

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

/** The children that wait for the streams of a worker. The worker owns it and ends it. */
export class WarmCodecs extends WarmSet {
  readonly #usual: UsualStream;

  /** Creates an empty set; {@linkcode expect} fills it. */
  constructor(options: WarmCodecsOptions = {}) {
    const { maxChildren, idleMs, clock } = options;
    super({
      ...(maxChildren === undefined ? {} : { maxChildren }),
      ...(idleMs === undefined ? {} : { idleMs }),
      ...(clock === undefined ? {} : { clock }),
    });
    this.#usual = options;
  }

  /** Starts what usual streams through this processor need. */
  expect(processor: FrameProcessor): void {
    this.want(usualRecipes(processor, this.#usual));
    this.start();
  }
}

const COLORS: readonly ColorInfo[] = [
  { matrix: "bt709", fullRange: false },
  { matrix: "bt601", fullRange: false },
];
const STEREO = { sampleRate: 48_000, channels: 2 };
const MONO = { sampleRate: 48_000, channels: 1 };

/**
 * The children of streams with H.264 or HEVC video of any size in limited range and AAC, the most
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
      stream: { color, reorderDepth },
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

/** What an encoder is told of the frame rate where frames come at most this fast. */
export function encoderFrameRate(maxFps: number): number {
  return Number.isFinite(maxFps) ? maxFps : 30;
}
