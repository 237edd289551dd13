/**
 * Sound for the tests of voice processors, as a decoder gives it.
 *
 * @module
 */

import { AudioFrame } from "../../src/frames/mod.ts";
import { type FacilityTest, testWith } from "../facilities.ts";

/** Samples per second of the test sounds. */
export const SOUND_RATE = 48_000;

/** A test that needs speech, which espeak-ng makes; skipped where it is missing. */
export const speechTest: FacilityTest = await testWith("speech");

const sentences = new Map<string, Promise<Uint8Array>>();

/** A spoken sentence: one channel; spoken once. */
export async function spoken(sentence: string, sampleRate = SOUND_RATE): Promise<Float32Array> {
  const format = ["-f", "f32le", "-ar", `${sampleRate}`, "-ac", "1", "-"];
  const key = `${sampleRate} ${sentence}`;
  const speaking = sentences.get(key) ?? speak(sentence, (path) => ["-i", path, ...format]);
  sentences.set(key, speaking);
  return new Float32Array((await speaking).slice().buffer);
}

/** A small MPEG-TS video of a spoken sentence, with silence before and after it. */
export async function speechVideo(
  sentence: string,
  { silenceSeconds }: { readonly silenceSeconds: number },
): Promise<Uint8Array> {
  const silence = `adelay=${silenceSeconds}s,apad=pad_dur=${silenceSeconds}`;
  const picture = ["-f", "lavfi", "-i", "testsrc=s=64x48:r=10"];
  const output = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-shortest", "-f", "mpegts", "-"];
  return await speak(sentence, (path) => ["-i", path, ...picture, "-af", silence, ...output]);
}

/** What ffmpeg makes of a spoken sentence, with the arguments for its path. */
async function speak(sentence: string, args: (path: string) => string[]): Promise<Uint8Array> {
  const path = await Deno.makeTempFile({ suffix: ".wav" });
  try {
    await run("espeak-ng", ["-w", path, sentence]);
    return await run("ffmpeg", ["-v", "error", ...args(path)]);
  } finally {
    await Deno.remove(path);
  }
}

async function run(command: string, args: string[]): Promise<Uint8Array> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr)}`);
  return stdout;
}

/**
 * Frames of a thousand samples: `channels` arrays of the same sound, starting at `startSeconds`.
 */
export function* audioFrames(
  sound: Float32Array,
  { sampleRate = SOUND_RATE, channels = 2, startSeconds = 0 } = {},
): Generator<AudioFrame> {
  const length = 1000;
  for (let at = 0; at < sound.length; at += length) {
    yield new AudioFrame({
      samples: Array.from({ length: channels }, () => sound.slice(at, at + length)),
      sampleRate,
      ptsTicks: Math.round((startSeconds + at / sampleRate) * 90_000),
      timeBase: { num: 1, den: 90_000 },
    });
  }
}

/** So many seconds of nothing. */
export function silence(seconds: number, sampleRate = SOUND_RATE): Float32Array {
  return new Float32Array(seconds * sampleRate);
}

/** A steady tone. */
export function tone(frequency: number, seconds: number, sampleRate = SOUND_RATE): Float32Array {
  return Float32Array.from(
    { length: seconds * sampleRate },
    (_, at) => 0.5 * Math.sin(2 * Math.PI * frequency * at / sampleRate),
  );
}

/** White noise, the same each time. */
export function noise(seconds: number, level = 0.2): Float32Array {
  let seed = 1;
  return Float32Array.from({ length: seconds * SOUND_RATE }, () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return level * (seed / 2 ** 31 - 1);
  });
}

/** Sounds one after another. */
export function concatenated(...sounds: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(sounds.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const sound of sounds) {
    all.set(sound, at);
    at += sound.length;
  }
  return all;
}
