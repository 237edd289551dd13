/**
 * `process`: a file through a processor into another file.
 *
 * @module
 */

import { type Command, InvalidArgumentError } from "commander";
import { ConfigError, describeError, ProcessorError, roomLogger } from "../../base/mod.ts";
import { type FrameProcessor, resolveProcessor } from "../../processor/mod.ts";
import { inputPath } from "../../source/mod.ts";
import {
  findHardware,
  openFileSession,
  type OutputAudioCodec,
  type Session,
  type SessionEnd,
  type StreamParams,
} from "../../session/mod.ts";
import { type CommandContext, EXIT, type ExitCode, type RunTask } from "../command_run.ts";
import type { LogSettings } from "../output/logging.ts";
import type { Size } from "../../media/rect.ts";
import { option, size } from "../options/options.ts";
import { pause } from "../../base/pause.ts";
import { clock, progressLine } from "../output/progress_bar.ts";
import {
  addProcessorOptions,
  chooseProcessor,
  type ProcessorFlags,
} from "../options/processor_options.ts";
import { addVideoOptions, encoderOf, type VideoFlags } from "../options/stream_options.ts";

const log = roomLogger("cli");

/** How often the progress bar is drawn. */
const PROGRESS_INTERVAL_MS = 200;

interface ProcessFlags extends LogSettings, ProcessorFlags, VideoFlags {
  readonly size?: Size;
  readonly params: StreamParams;
  readonly audioCodec: OutputAudioCodec;
}

/** Adds the command. */
export function addProcess(program: Command, run: RunTask): Command {
  const command = program.command("process")
    .description("take every frame of a file through a processor, as fast as it goes; keeps audio")
    .argument("<in>", "file, or anything else that ffmpeg opens")
    .argument("<out>", "file to write; its ending says the container");
  return addVideoOptions(addProcessorOptions(command))
    .addOption(option<Size>("--size <size>", "scale and crop frames to this size first", {
      env: "RUNNEL_PROCESS_SIZE",
      parse: size,
    }))
    .addOption(
      option<StreamParams>("--params <json>", "parameters of the processor, a JSON object", {
        env: "RUNNEL_PARAMS",
        parse: jsonObject,
      }).default({}, "{}"),
    )
    .addOption(option("--audio-codec <codec>", "codec of the output's audio; source copies it", {
      env: "RUNNEL_PROCESS_AUDIO_CODEC",
      default: "source",
      choices: ["source", "opus", "aac"],
    }))
    .action((input: string, output: string, flags: ProcessFlags) =>
      run(flags, (context) => processFile({ input, output, flags }, context))
    );
}

function jsonObject(text: string): StreamParams {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as StreamParams;
    }
  } catch {
    // said below
  }
  throw new InvalidArgumentError('Use a JSON object, such as {"gain":0.5}.');
}

async function processFile(
  { input, output, flags }: { input: string; output: string; flags: ProcessFlags },
  context: CommandContext,
): Promise<ExitCode> {
  await refuseSameFile(input, output);
  const params = { ...flags.params, ...flags.size };
  const processor = resolveProcessor(await chooseProcessor(flags, context));
  await using _processor = { [Symbol.asyncDispose]: () => dispose(processor) };
  await initialize(processor, params, context);
  const hardware = await findHardware(flags.hardware);
  const { session, info } = await openFileSession({
    id: "process",
    input,
    output,
    processor,
    params,
    audioCodec: flags.audioCodec,
    gpuDepth: flags.gpuDepth,
    hardware,
    encoder: encoderOf(flags),
    gopSeconds: flags.gop,
  });
  await using _session = session;
  const startedMs = performance.now();
  session.start();
  const interrupt = (): void => void session.stop(); // never rejects; its end is awaited below
  context.signal.addEventListener("abort", interrupt, { once: true });
  if (context.signal.aborted) interrupt();
  const end = await showProgress(session, info.frameCount, context);
  context.signal.removeEventListener("abort", interrupt);
  return finish(end, { session, output, elapsedSeconds: (performance.now() - startedMs) / 1000 });
}

/** Writing begins before reading has ended. */
async function refuseSameFile(input: string, output: string): Promise<void> {
  const [from, to] = await Promise.all([inputPath(input), output].map(realPath));
  if (from === undefined || from !== to) return;
  throw new ConfigError(
    "CONFIG_INVALID",
    `Cannot write ${output}: it is the input itself; name another file`,
  );
}

async function realPath(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await Deno.realPath(path);
  } catch {
    return undefined; // a file that is not there: whoever opens it says so
  }
}

async function initialize(
  processor: FrameProcessor,
  params: StreamParams,
  context: CommandContext,
): Promise<void> {
  try {
    await processor.initialize({
      params,
      log: roomLogger("processor"),
      signal: context.signal,
      sendData: (text) => log.info("The processor says: {text}", { text }),
      sendEvent: (event, type) =>
        log.info("The processor reports {type}: {event}", { type, event }),
      reportProgress: (progress, message = "getting ready") =>
        log.info("The processor: {message}, {percent}%", {
          message,
          percent: Math.round(progress * 100),
        }),
    });
  } catch (cause) {
    throw new ProcessorError(
      "PROCESSOR_INITIALIZE",
      `Cannot initialize the processor: ${describeError(cause)}`,
      { cause },
    );
  }
}

/** A user's processor may extend another version of the class. */
async function dispose(processor: Partial<FrameProcessor>): Promise<void> {
  await processor[Symbol.asyncDispose]?.();
}

async function showProgress(
  session: Session,
  totalFrames: number | undefined,
  { terminal }: CommandContext,
): Promise<SessionEnd> {
  const startedMs = performance.now();
  const over = new AbortController();
  const ended = session.ended.finally(() => over.abort());
  const draw = (): void => {
    const { frames_out, frames_dropped } = session.metrics();
    const elapsedSeconds = (performance.now() - startedMs) / 1000;
    terminal.status(
      progressLine({ frames: frames_out + frames_dropped, totalFrames, elapsedSeconds }),
    );
  };
  while (terminal.interactive && !over.signal.aborted) {
    draw();
    await pause(PROGRESS_INTERVAL_MS, over.signal);
  }
  const end = await ended;
  draw();
  terminal.keepStatus();
  return end;
}

function finish(
  end: SessionEnd,
  { session, output, elapsedSeconds }: {
    readonly session: Session;
    readonly output: string;
    readonly elapsedSeconds: number;
  },
): ExitCode {
  const { frames_out, frames_dropped, error_count } = session.metrics();
  if (end.reason === "failed") throw end.error;
  if (end.reason === "output-closed") {
    throw new ConfigError(
      "CONFIG_INVALID",
      `Cannot write ${output}: it broke off; check the space on its disk`,
    );
  }
  log.info("{frames} frames in {time} ({fps} fps), {dropped} dropped, {errors} errors: {output}", {
    frames: frames_out,
    time: clock(elapsedSeconds),
    fps: (frames_out / elapsedSeconds).toFixed(1),
    dropped: frames_dropped,
    errors: error_count,
    output,
  });
  if (end.reason === "stopped") return EXIT.interrupted;
  return error_count === 0 ? EXIT.ok : EXIT.failed;
}
