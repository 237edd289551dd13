/** ffmpeg as the judge of what comes out, and as the maker of what goes in. */

import assert from "node:assert/strict";

/** What a program wrote. */
export interface ProgramOutput {
  readonly stdout: Uint8Array<ArrayBuffer>;
  readonly stderr: string;
}

/** Runs a program with bytes on its stdin; fails with its stderr. Words are split at spaces. */
export async function runProgram(
  command: string,
  words: string,
  input: Uint8Array | ReadableStream<Uint8Array> = new Uint8Array(0),
): Promise<ProgramOutput> {
  const args = words.split(/\s+/).filter((word) => word !== "");
  const child = new Deno.Command(command, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stream = input instanceof Uint8Array ? new Blob([input as BlobPart]).stream() : input;
  // A program that has seen enough closes its end: its exit code says whether that is right.
  const feeding = stream.pipeTo(child.stdin).catch(() => {});
  const [output] = await Promise.all([child.output(), feeding]);
  const stderr = new TextDecoder().decode(output.stderr).trim();
  assert.equal(output.code, 0, `${command} ${args.join(" ")}: ${stderr}`);
  return { stdout: output.stdout as Uint8Array<ArrayBuffer>, stderr };
}

/** Asserts that ffmpeg decodes an MPEG-TS by itself, strictly, and has nothing to say about it. */
export async function assertDecodesCleanly(media: Uint8Array, what: string): Promise<void> {
  const { stderr } = await runProgram(
    "ffmpeg",
    "-v warning -xerror -nostdin -f mpegts -i pipe:0 -map 0 -f null -",
    media,
  );
  assert.equal(stderr, "", `ffmpeg about ${what}`);
}

/** What ffprobe says of a stream. */
export interface ProbedStream {
  readonly codec_type: string;
  readonly codec_name: string;
  readonly width?: number;
  readonly height?: number;
  readonly sample_rate?: string;
  readonly channels?: number;
}

/** The streams of a media file's bytes. */
export async function probeStreams(media: Uint8Array): Promise<ProbedStream[]> {
  const { stdout } = await runProgram("ffprobe", "-v error -show_streams -of json pipe:0", media);
  const { streams } = JSON.parse(new TextDecoder().decode(stdout)) as {
    streams: ProbedStream[];
  };
  return streams;
}
