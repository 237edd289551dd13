/**
 * What the ffmpeg on this machine can do: asked once, by running it, and remembered.
 *
 * @module
 */

import { systemClock } from "../../base/clock.ts";
import { describeError, FfmpegError } from "../../base/errors.ts";
import { schedulePatiently } from "../../base/patience.ts";
import type { Hardware } from "./arguments.ts";
import { type FfmpegOptions, ffmpegProgram, missingFfmpeg } from "./child.ts";

/** The oldest ffmpeg that has all the options used here. */
export const MIN_FFMPEG_VERSION = "5.1";

/** Codecs without which a worker is of no use: what is missing of them is a problem. */
export const EVERYDAY_CODECS: readonly string[] = ["h264", "hevc", "aac", "opus", "mp3", "ac3"];

const PROBE_TIMEOUT_MS = 20_000;

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

const decodable = new Map<string, Promise<ReadonlySet<string>>>();

/**
 * Whether ffmpeg has a decoder for a codec, by the name that ffmpeg has for it. It is asked once for
 * each program, with the first codec that not every ffmpeg has: {@linkcode EVERYDAY_CODECS} are taken
 * for granted, because asking takes as long as starting a decoder does. Throws as
 * {@linkcode probeCapabilities}.
 */
export async function canDecode(codec: string, options: FfmpegOptions = {}): Promise<boolean> {
  if (EVERYDAY_CODECS.includes(codec)) return true;
  const ffmpegPath = ffmpegProgram(options);
  let asked = decodable.get(ffmpegPath);
  if (asked === undefined) {
    asked = askDecoders(ffmpegPath);
    decodable.set(ffmpegPath, asked);
    // What failed may work once ffmpeg was installed.
    asked.catch(() => decodable.delete(ffmpegPath));
  }
  return (await asked).has(codec);
}

async function askDecoders(ffmpegPath: string): Promise<ReadonlySet<string>> {
  const { stdout } = await runProbe(ffmpegPath, ["-hide_banner", "-decoders"]);
  return decodedCodecs(new TextDecoder().decode(stdout));
}

async function probe(ffmpegPath: string): Promise<CodecCapabilities> {
  const ask = async (...args: string[]): Promise<string> =>
    new TextDecoder().decode((await runProbe(ffmpegPath, args)).stdout);
  const [versionText, encoderText, decoderText] = await Promise.all([
    ask("-version"),
    ask("-hide_banner", "-encoders"),
    ask("-hide_banner", "-decoders"),
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

async function runProbe(
  command: string,
  args: string[],
  input?: Uint8Array,
): Promise<{ success: boolean; stdout: Uint8Array }> {
  const stdin = input === undefined ? "null" : "piped";
  try {
    const child = new Deno.Command(command, {
      args,
      stdin,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const kill = (): void => child.kill("SIGKILL");
    const cancel = schedulePatiently(systemClock, PROBE_TIMEOUT_MS, kill);
    const [{ success, stdout }] = await Promise.all([
      child.output(),
      input === undefined ? undefined : feed(child.stdin, input),
    ]);
    cancel();
    return { success, stdout };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw missingFfmpeg(command, error);
    throw new FfmpegError(
      "FFMPEG_SPAWN",
      `Cannot run ${command}: ${describeError(error)}; check that it may be run`,
      { cause: error, context: { command } },
    );
  }
}

async function feed(stdin: WritableStream<Uint8Array>, input: Uint8Array): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(input);
    await writer.close();
  } catch {
    // The program ended without reading its input: its exit code says what that means.
  }
}
