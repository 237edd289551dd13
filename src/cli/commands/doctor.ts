/**
 * `doctor`: what this machine has of what Runnel uses, and what to do about the rest.
 *
 * @module
 */

import type { Command } from "commander";
import { describeError, FfmpegError } from "../../base/mod.ts";
import {
  type CodecCapabilities,
  MIN_FFMPEG_VERSION,
  probeCapabilities,
} from "../../media/codec/mod.ts";
import { type Check, formatCheck } from "../doctor/check.ts";
import { gpuChecks } from "../doctor/gpu_checks.ts";
import { reportGpu } from "../doctor/gpu_report.ts";
import { type CommandContext, EXIT, type ExitCode, type RunTask } from "../command_run.ts";
import type { LogSettings } from "../output/logging.ts";
import { addWarmOptions, type WarmFlags } from "../options/stream_options.ts";
import { VERSION } from "../version.ts";

interface DoctorFlags extends LogSettings, WarmFlags {
  readonly json: boolean;
}

/** Adds the command. */
export function addDoctor(program: Command, run: RunTask): Command {
  return addWarmOptions(program.command("doctor"))
    .description("show what this machine has of what Runnel uses, and what to do about the rest")
    .option("--json", "print one JSON object", false)
    .action((flags: DoctorFlags) => run(flags, (context) => doctor(flags, context)));
}

async function doctor(flags: DoctorFlags, { print }: CommandContext): Promise<ExitCode> {
  const [ffmpeg, gpu] = [await ffmpegChecks(), await reportGpu()];
  const checks = [...versionChecks(), ...ffmpeg, warmCheck(flags), ...gpuChecks(gpu)];
  const isWell = checks.every(({ status }) => status !== "missing");
  if (flags.json) print(`${JSON.stringify({ ok: isWell, checks, gpu })}\n`);
  else print(checks.map(formatCheck).join("") + summary(isWell));
  return isWell ? EXIT.ok : EXIT.failed;
}

function versionChecks(): Check[] {
  const { os, arch } = Deno.build;
  return [
    { name: "runnel", status: "ok", found: VERSION },
    { name: "deno", status: "ok", found: `${Deno.version.deno} on ${os} ${arch}` },
  ];
}

/** What `serve` would keep with the same options. */
function warmCheck({ warmFfmpeg, warmFfmpegIdle }: WarmFlags): Check {
  const name = "warm ffmpeg";
  if (warmFfmpeg === 0) {
    const advice = "each stream starts its own, which takes longer";
    return { name, status: "none", found: "none", advice };
  }
  const end = warmFfmpegIdle === 0 ? "" : `, ended after ${warmFfmpegIdle} s without use`;
  const found = `up to ${warmFfmpeg} wait for the next stream, about 10 MiB each${end}`;
  return { name, status: "ok", found };
}

async function ffmpegChecks(): Promise<Check[]> {
  try {
    return describeCapabilities(await probeCapabilities());
  } catch (error) {
    if (!(error instanceof FfmpegError)) throw error;
    return [{ name: "ffmpeg", status: "missing", found: "none", advice: describeError(error) }];
  }
}

/** The checks of an ffmpeg that runs. */
export function describeCapabilities(capabilities: CodecCapabilities): Check[] {
  const { ffmpegPath, version, tooOld, problems, videoDecoder, videoEncoder } = capabilities;
  const lacks = problems.filter((problem) => !problem.includes("older than"));
  return [
    {
      name: "ffmpeg",
      status: tooOld ? "missing" : "ok",
      found: `${version} (${ffmpegPath})`,
      ...(tooOld ? { advice: `install ffmpeg ${MIN_FFMPEG_VERSION} or newer` } : {}),
    },
    lacks.length === 0
      ? { name: "codecs", status: "ok", found: "all that are needed" }
      : { name: "codecs", status: "missing", found: "incomplete", advice: lacks.join("; ") },
    hardwareCheck("hardware decoding", videoDecoder),
    hardwareCheck("hardware encoding", videoEncoder),
  ];
}

function hardwareCheck(name: string, hardware: string): Check {
  return hardware === "none"
    ? { name, status: "none", found: "none", advice: "video is coded on the CPU" }
    : { name, status: "ok", found: hardware };
}

function summary(isWell: boolean): string {
  return isWell ? "Everything needed is there.\n" : "Something needed is missing: see above.\n";
}
