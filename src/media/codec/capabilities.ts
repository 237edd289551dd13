/**
 * What the ffmpeg on this machine can do: asked once, by running it, and remembered.
 *
 * @module
 */

import type { Hardware } from "./arguments.ts";
import { askFfmpeg, runProbe } from "./child/ask_ffmpeg.ts";
import { type FfmpegOptions, ffmpegProgram } from "./child/child.ts";

/** The oldest ffmpeg that has all the options used here. */
export const MIN_FFMPEG_VERSION = "5.1";

/** Codecs without which a worker is of no use: what is missing of them is a problem. */
export const EVERYDAY_CODECS: readonly string[] = ["h264", "hevc", "aac", "opus", "mp3", "ac3"];

/** What was found. */
export interface CodecCapabilities {
  /** The program that was asked. */
  readonly ffmpegPath: string;
  /** As ffmpeg says it: `"5.1.9-0+deb12u1"`, `"N-112233-g…"`. */
  readonly version: string;
  /** Whether the version is known to be too old. */
  readonly tooOld: boolean;
  /** All encoders by name. */
  readonly encoders: ReadonlySet<string>;
  /** All decoders by name. */
  readonly decoders: ReadonlySet<string>;
  /** What decodes H.264 here: `cuda` when a probe went through it. */
  readonly videoDecoder: Hardware;
  /** What encodes H.264 here: `cuda` (`h264_nvenc`) when a probe went through it. */
  readonly videoEncoder: Hardware;
  /** What is missing for the usual work, each with what to do about it. */
  readonly problems: readonly string[];
}

const cache = new Map<string, Promise<CodecCapabilities>>();

/**
 * Asks ffmpeg for its version and codecs and tries the hardware ones on a picture. The answer is
 * cached per program. Throws an `FfmpegError`: `FFMPEG_MISSING`, or `FFMPEG_SPAWN` when it cannot
 * be run.
 */
export function probeCapabilities(options: FfmpegOptions = {}): Promise<CodecCapabilities> {
  const ffmpegPath = ffmpegProgram(options);
  let found = cache.get(ffmpegPath);
  if (found === undefined) {
    found = probe(ffmpegPath);
    cache.set(ffmpegPath, found);
    // What failed may work once ffmpeg was installed.
    found.catch(() => cache.delete(ffmpegPath));
  }
  return found;
}

/**
 * Whether ffmpeg has a decoder for a codec, by the name that ffmpeg has for it. {@linkcode EVERYDAY_CODECS}
 * are taken for granted, because asking takes as long as starting a decoder does. Throws as
 * {@linkcode probeCapabilities}.
 */
export async function canDecode(codec: string, options: FfmpegOptions = {}): Promise<boolean> {
  if (EVERYDAY_CODECS.includes(codec)) return true;
  return decodedCodecs(await askFfmpeg(ffmpegProgram(options), "-decoders")).has(codec);
}

async function probe(ffmpegPath: string): Promise<CodecCapabilities> {
  const [versionText, encoderText, decoderText] = await Promise.all([
    askFfmpeg(ffmpegPath, "-version"),
    askFfmpeg(ffmpegPath, "-encoders"),
    askFfmpeg(ffmpegPath, "-decoders"),
  ]);
  const version = /^ffmpeg version (\S+)/.exec(versionText)?.[1] ?? "unknown";
  const encoders = codecNames(encoderText);
  const decoders = codecNames(decoderText);
  const tooOld = isTooOld(version);
  const [videoDecoder, videoEncoder] = await Promise.all([
    tryCudaDecoding(ffmpegPath, encoders),
    encoders.has("h264_nvenc") ? tryNvenc(ffmpegPath) : "none" as const,
  ]);
  const problems = findProblems({ version, tooOld, encoders, decoders });
  return { ffmpegPath, version, tooOld, encoders, decoders, videoDecoder, videoEncoder, problems };
}

/** Whether a version string is that of a release before {@linkcode MIN_FFMPEG_VERSION}. */
export function isTooOld(version: string): boolean {
  const numbers = /^n?(\d+)\.(\d+)/.exec(version);
  if (numbers === null) return false; // a build from a snapshot: no way to tell
  const [major, minor] = [Number(numbers[1]), Number(numbers[2])];
  return major < 5 || (major === 5 && minor < 1);
}

/** The names in the list that `-encoders` or `-decoders` prints. */
export function codecNames(list: string): Set<string> {
  const names = new Set<string>();
  for (const line of list.split("\n")) {
    const name = /^ [VAS][A-Z.]{5} (\S+)/.exec(line)?.[1];
    if (name !== undefined && name !== "=") names.add(name);
  }
  return names;
}

/** The codecs in the list that `-decoders` prints: a decoder that is called otherwise names its own. */
export function decodedCodecs(list: string): Set<string> {
  const codecs = new Set<string>();
  for (const line of list.split("\n")) {
    const name = /^ [VAS][A-Z.]{5} (\S+)/.exec(line)?.[1];
    if (name === undefined || name === "=") continue;
    codecs.add(/\(codec (\S+)\)/.exec(line)?.[1] ?? name);
  }
  return codecs;
}

function findProblems(
  found: Pick<CodecCapabilities, "version" | "tooOld" | "encoders" | "decoders">,
): string[] {
  const problems: string[] = [];
  if (found.tooOld) {
    problems.push(
      `ffmpeg ${found.version} is older than ${MIN_FFMPEG_VERSION}: install a newer one`,
    );
  }
  const needed = [
    ["encoder", found.encoders, ["libx264", "libopus", "aac"]],
    ["decoder", found.decoders, EVERYDAY_CODECS],
  ] as const;
  for (const [kind, available, names] of needed) {
    for (const name of names) {
      if (available.has(name)) continue;
      problems.push(
        `ffmpeg has no ${kind} ${name}: install a build that has (apt-get install ffmpeg)`,
      );
    }
  }
  return problems;
}

const TEST_PICTURE = "-hide_banner -loglevel error -nostdin -f lavfi -i color=black:s=256x256:r=25";

async function tryNvenc(ffmpegPath: string): Promise<Hardware> {
  const encode = "-frames:v 1 -pix_fmt yuv420p -c:v h264_nvenc -f null -";
  const { success } = await runProbe(ffmpegPath, `${TEST_PICTURE} ${encode}`.split(" "));
  return success ? "cuda" : "none";
}

async function tryCudaDecoding(
  ffmpegPath: string,
  encoders: ReadonlySet<string>,
): Promise<Hardware> {
  if (!encoders.has("libx264")) return "none";
  const encode = "-frames:v 3 -pix_fmt yuv420p -c:v libx264 -tune zerolatency -f h264 pipe:1";
  const sample = await runProbe(ffmpegPath, `${TEST_PICTURE} ${encode}`.split(" "));
  if (!sample.success) return "none";
  // Frames must really come from the card: without hwdownload ffmpeg would fall back silently.
  const decode = "-hide_banner -loglevel error -hwaccel cuda -hwaccel_output_format cuda " +
    "-f h264 -i pipe:0 -vf hwdownload,format=nv12 -f null -";
  const { success } = await runProbe(ffmpegPath, decode.split(" "), sample.stdout);
  return success ? "cuda" : "none";
}
