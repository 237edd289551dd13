/**
 * Short runs of ffmpeg that tell what it can do.
 *
 * @module
 */

import { childEnvironment } from "../../../base/process/child_environment.ts";
import { schedulePatiently, systemClock } from "../../../base/clock.ts";
import { describeError, FfmpegError } from "../../../base/errors.ts";
import { missingFfmpeg } from "./child.ts";

const PROBE_TIMEOUT_MS = 20_000;

const answers = new Map<string, Promise<string>>();

/**
 * What ffmpeg prints of itself. Each program is asked each question once, unless that failed. Throws as
 * {@linkcode runProbe}.
 */
export function askFfmpeg(
  ffmpegPath: string,
  question: "-version" | "-encoders" | "-decoders" | "-filters",
): Promise<string> {
  const key = `${question} ${ffmpegPath}`;
  let answer = answers.get(key);
  if (answer === undefined) {
    answer = runProbe(ffmpegPath, ["-hide_banner", question])
      .then(({ stdout }) => new TextDecoder().decode(stdout));
    answers.set(key, answer);
    // What failed may work once ffmpeg was installed.
    answer.catch(() => answers.delete(key));
  }
  return answer;
}

/**
 * Runs a program to its end, with `input` at its standard input. One that hangs is ended after 20 s.
 * Throws an `FfmpegError`: `FFMPEG_MISSING`, or `FFMPEG_SPAWN` when it cannot be run.
 */
export async function runProbe(
  command: string,
  args: string[],
  input?: Uint8Array,
): Promise<{ success: boolean; stdout: Uint8Array }> {
  const stdin = input === undefined ? "null" : "piped";
  try {
    const child = new Deno.Command(command, {
      args,
      ...childEnvironment(),
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
