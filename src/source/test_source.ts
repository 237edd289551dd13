/**
 * The test picture and its beeps as a compressed stream.
 *
 * @module
 */

import { MPEG_TIME_BASE, TICKS_PER_SECOND } from "../base/rational.ts";
import { AudioEncoder, type FfmpegOptions, VideoEncoder } from "../media/codec/mod.ts";
import type { Packet, VideoStreamInfo } from "../media/types.ts";
import type { MediaEvent } from "./media_event.ts";
import { createTestPicture, drawTestFrame, TEST_COLOR, testTone } from "./test_pattern.ts";

/** When the first frame is shown: 1.4 s, as in ffmpeg's MPEG-TS. */
export const TEST_START_TICKS = 126_000;

/** Options of {@linkcode createTestMedia}. */
export interface TestMediaOptions extends FfmpegOptions {
  /** In pixels; see `MIN_TEST_SIZE`. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Frames per second, 1 to 240; need not be whole. */
  readonly fps: number;
  /** How long the stream is. @default Infinity */
  readonly seconds?: number;
  /** Whether there are beeps. @default true */
  readonly audio?: boolean;
  /** What the beeps are encoded as. @default "aac" */
  readonly audioCodec?: "aac" | "opus";
  /** Channels of the beeps. @default 2 */
  readonly audioChannels?: 1 | 2;
  /** The longest time from keyframe to keyframe. @default 2 */
  readonly gopSeconds?: number;
  /** Ends the stream early, without an error. */
  readonly signal?: AbortSignal;
}

const SAMPLE_RATE = 48_000;
/** 20 ms: a whole number of 90 kHz ticks. */
const CHUNK_SAMPLES = 960;
const MAX_FPS = 240;

/**
 * Makes H.264 and AAC or Opus as fast as they are taken, and only a few packets ahead: put `paced`
 * behind it for real time. Packets come by decoding time; frame 0 is at
 * {@linkcode TEST_START_TICKS}, and audio begins with the encoder's run-in before it. Iterate once.
 * Throws a `RangeError` for a picture or rate that cannot be; iterating throws an `FfmpegError`
 * where ffmpeg does not work.
 */
export function createTestMedia(options: TestMediaOptions): AsyncIterable<MediaEvent> {
  const { fps, seconds = Infinity } = options;
  if (!(fps >= 1 && fps <= MAX_FPS)) {
    throw new RangeError(`Cannot make a test stream at ${fps} fps: use 1 to ${MAX_FPS}`);
  }
  if (!(seconds > 0)) {
    throw new RangeError(`Cannot make a test stream of ${seconds} seconds: use more than 0`);
  }
  createTestPicture(options);
  return generate(options, Math.max(1, Math.round(seconds * fps)));
}

async function* generate(
  options: TestMediaOptions,
  frameCount: number,
): AsyncGenerator<MediaEvent> {
  const { audio = true } = options;
  await using video = createVideoEncoder(options);
  await using sound = audio ? createAudioEncoder(options) : undefined;
  const { signal } = options;
  const feeds: Feed[] = [
    { encoder: video, run: () => encodeFrames(video, options, frameCount), signal },
  ];
  if (sound !== undefined) {
    feeds.push({ encoder: sound, run: () => encodeTone(sound, options, frameCount), signal });
  }
  let announced = false;
  for await (const packet of interleaved(feeds.map(encodedPackets))) {
    // By now every stream has a packet, and the audio encoder knows what it writes.
    if (!announced) {
      const info = sound?.info === undefined ? {} : { audio: sound.info };
      yield { kind: "streams", video: videoInfo(options), ...info, unsupported: [] };
    }
    announced = true;
    yield { kind: "packet", packet, stream: packet.kind };
  }
}

/** An encoder with the task that feeds it. */
interface Feed {
  readonly encoder: VideoEncoder | AudioEncoder;
  readonly run: () => Promise<void>;
  readonly signal: AbortSignal | undefined;
}

/** Feeds an encoder while its packets are taken. Leaving the loop ends both. */
async function* encodedPackets({ encoder, run, signal }: Feed): AsyncGenerator<Packet> {
  let failure: { readonly error: unknown } | undefined;
  const fed = run().catch(async (error) => {
    failure = { error };
    await encoder[Symbol.asyncDispose]();
  });
  try {
    yield* encoder.packets();
  } finally {
    await encoder[Symbol.asyncDispose]();
    await fed;
  }
  // An encoder that the signal closed refuses the next input: that is not an error.
  if (failure !== undefined && signal?.aborted !== true) throw failure.error;
}

async function encodeFrames(
  encoder: VideoEncoder,
  { width, height, fps }: TestMediaOptions,
  frameCount: number,
): Promise<void> {
  const picture = createTestPicture({ width, height });
  for (let frameNumber = 0; frameNumber < frameCount; frameNumber++) {
    drawTestFrame(picture, { frameNumber, fps });
    const ptsTicks = TEST_START_TICKS + Math.round(frameNumber * TICKS_PER_SECOND / fps);
    // The encoder is done with the picture's memory when this resolves.
    await encoder.encode({ ...picture, ptsTicks });
  }
  await encoder.flush();
}

async function encodeTone(
  encoder: AudioEncoder,
  { fps, audioChannels = 2 }: TestMediaOptions,
  frameCount: number,
): Promise<void> {
  const sampleCount = Math.round(frameCount / fps * SAMPLE_RATE);
  for (let startSample = 0; startSample < sampleCount; startSample += CHUNK_SAMPLES) {
    const count = Math.min(CHUNK_SAMPLES, sampleCount - startSample);
    const tone = testTone({ startSample, count, sampleRate: SAMPLE_RATE, fps });
    const samples = Array.from({ length: audioChannels }, () => tone);
    const ptsTicks = TEST_START_TICKS + startSample / SAMPLE_RATE * TICKS_PER_SECOND;
    await encoder.encode({ samples, sampleRate: SAMPLE_RATE, ptsTicks: Math.round(ptsTicks) });
  }
  await encoder.flush();
}

function createVideoEncoder(options: TestMediaOptions): VideoEncoder {
  const { fps, gopSeconds = 2 } = options;
  return new VideoEncoder({
    ...childOptions(options),
    timeBase: MPEG_TIME_BASE,
    color: TEST_COLOR,
    frameRate: fps,
    gopSeconds,
  });
}

function createAudioEncoder(options: TestMediaOptions): AudioEncoder {
  const { audioCodec = "aac" } = options;
  return new AudioEncoder({
    ...childOptions(options),
    timeBase: MPEG_TIME_BASE,
    codec: audioCodec,
  });
}

function childOptions(
  { signal, ffmpegPath, spawn }: TestMediaOptions,
): FfmpegOptions & { readonly signal?: AbortSignal } {
  return {
    ...(signal === undefined ? {} : { signal }),
    ...(ffmpegPath === undefined ? {} : { ffmpegPath }),
    ...(spawn === undefined ? {} : { spawn }),
  };
}

/** What the encoder makes of the picture: odd sizes lose a column or row. */
function videoInfo({ width, height }: TestMediaOptions): VideoStreamInfo {
  return {
    kind: "video",
    codec: "h264",
    width: width - width % 2,
    height: height - height % 2,
    reorderDepth: 0,
    color: TEST_COLOR,
  };
}

/**
 * Packets by decoding time. Nothing comes before every stream has given its next packet or ended;
 * leaving the loop ends all of them.
 */
export async function* interleaved(
  streams: readonly AsyncIterable<Packet>[],
): AsyncGenerator<Packet> {
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]());
  try {
    const heads = await Promise.all(iterators.map((iterator) => iterator.next()));
    for (;;) {
      const earliest = indexOfEarliest(heads);
      if (earliest === undefined) return;
      yield heads[earliest]!.value;
      heads[earliest] = await iterators[earliest]!.next();
    }
  } finally {
    await Promise.all(iterators.map((iterator) => iterator.return?.()));
  }
}

function indexOfEarliest(heads: readonly IteratorResult<Packet>[]): number | undefined {
  let earliest: number | undefined;
  let earliestTicks = Infinity;
  for (const [index, head] of heads.entries()) {
    if (head.done === true || head.value.dtsTicks >= earliestTicks) continue;
    earliest = index;
    earliestTicks = head.value.dtsTicks;
  }
  return earliest;
}
