/**
 * `demo`: a whole deployment in one process. A test picture goes into a trickle server, a worker
 * that was started through its HTTP API takes it through a processor, and the result goes back.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import type { Command } from "commander";
import { StreamServer } from "../../server/mod.ts";
import {
  signChannelUrl,
  TRICKLE_RIGHTS,
  type TrickleAccess,
  TricklePublisher,
  TrickleServer,
} from "../../trickle/mod.ts";
import { ChannelRecording } from "../channel_recording.ts";
import { type CommandContext, EXIT, type ExitCode, type RunTask } from "../command_run.ts";
import { pause } from "../../base/pause.ts";
import { type DemoReport, describeReport, reportOf, statusLine } from "../output/demo_report.ts";
import { LiveMedia, TEST_INPUT } from "../live_media.ts";
import type { LogSettings } from "../output/logging.ts";
import { option, port } from "../options/options.ts";
import { StreamApi } from "../stream_api.ts";
import {
  addProcessorOptions,
  chooseProcessor,
  type ProcessorFlags,
} from "../options/processor_options.ts";
import {
  addOverloadOptions,
  addVideoOptions,
  encoderOf,
  type OverloadFlags,
  type VideoFlags,
} from "../options/stream_options.ts";
import { addTestOptions, type TestFlags } from "../options/test_options.ts";
import {
  addTrickleAccessOptions,
  trickleAccess,
  type TrickleAccessFlags,
} from "../options/trickle_access.ts";

interface DemoFlags
  extends LogSettings, TestFlags, ProcessorFlags, OverloadFlags, VideoFlags, TrickleAccessFlags {
  readonly input: string;
  readonly output?: string;
  readonly port: number;
  readonly json: boolean;
}

const INPUT_CHANNEL = "demo";
const OUTPUT_CHANNEL = "demo-out";
const MPEG_TS = "video/mp2t";

/** Decoder, encoder and transcoder: there is one stream. */
const CHILDREN_OF_A_STREAM = 3;
/** A hundred years: how long the demo's own URLs are good. */
const DEMO_LIFE_MS = 100 * 365 * 86_400_000;
/** How often the status is asked for. */
const STATUS_INTERVAL_MS = 500;
/** How often the worker is asked after the end of its input, with no new frame in between. */
const DRAIN_POLLS = 500;
const DRAIN_POLL_MS = 20;

/** Adds the command. */
export function addDemo(program: Command, run: RunTask): Command {
  const command = program.command("demo")
    .description("run trickle server, test picture and worker in one process")
    .addOption(option("--input <file>", "file or URL to play in a loop, or test", {
      env: "RUNNEL_DEMO_INPUT",
      default: TEST_INPUT,
    }))
    .addOption(option("--output <file>", "keep the processed stream as MPEG-TS", {
      env: "RUNNEL_DEMO_OUTPUT",
    }))
    .addOption(option("--port <port>", "port of the worker's API; 0 takes a free one", {
      env: "RUNNEL_DEMO_PORT",
      default: 0,
      parse: port,
    }))
    .addOption(option<boolean>("--json", "print the figures as one JSON object at the end", {
      env: "RUNNEL_DEMO_JSON",
      default: false,
    }));
  const common = addTestOptions(addVideoOptions(addOverloadOptions(addProcessorOptions(command))));
  return addTrickleAccessOptions(common)
    .action((flags: DemoFlags) => run(flags, (context) => demo(flags, context)));
}

async function demo(flags: DemoFlags, context: CommandContext): Promise<ExitCode> {
  const { signal, pacing } = context;
  await using media = new LiveMedia({ ...flags, loop: true, signal, pacing });
  media.begin();
  const processor = await chooseProcessor(flags, context);
  await using trickle = new DemoTrickle(trickleAccess(flags));
  trickle.listen({ port: 0 });
  await using server = new StreamServer({
    processor,
    host: "127.0.0.1",
    port: flags.port,
    targetFps: Infinity,
    gpuDepth: flags.gpuDepth,
    maxQueueLatencyMs: flags.maxQueueLatency,
    maxBehindMs: flags.maxBehind,
    overlay: { mode: flags.overlay },
    hardware: flags.hardware,
    encoder: encoderOf(flags),
    gopSeconds: flags.gop,
    warmFfmpeg: CHILDREN_OF_A_STREAM,
  });
  await server.start();
  await server.initialized;
  const report = await runStream(
    { flags, context, trickle, media, api: new StreamApi(server.url) },
    () => {
      const [inputUrl, outputUrl] = [INPUT_CHANNEL, OUTPUT_CHANNEL].map((name) =>
        trickle.channelUrl(name)
      );
      context.announce(`Worker ready on ${server.url}`, { url: server.url });
      context.announce(`Input ${inputUrl}, output ${outputUrl}`, { inputUrl, outputUrl });
    },
  );
  if (flags.json) context.print(`${JSON.stringify(report)}\n`);
  else context.announce(describeReport(report), { report });
  return report.frames_out > 0 ? EXIT.ok : EXIT.failed;
}

/** A trickle server; where it asks for tokens, the demo itself uses URLs that it signs. */
class DemoTrickle extends TrickleServer {
  readonly #key: string | undefined;

  constructor({ grants, signKeys }: Required<TrickleAccess>) {
    const isOpen = grants.length === 0 && signKeys.length === 0;
    const key = isOpen ? undefined : crypto.getRandomValues(new Uint8Array(32)).toHex();
    super({ grants, signKeys: key === undefined ? [] : [...signKeys, key] });
    this.#key = key;
  }

  /** The URL by which the demo uses a channel. */
  ownUrl(name: string): string {
    const url = this.channelUrl(name);
    if (this.#key === undefined) return url;
    const expiresAt = new Date(Date.now() + DEMO_LIFE_MS);
    return signChannelUrl(url, { key: this.#key, rights: TRICKLE_RIGHTS, expiresAt });
  }
}

interface Stage {
  readonly flags: DemoFlags;
  readonly context: CommandContext;
  readonly trickle: DemoTrickle;
  readonly media: LiveMedia;
  readonly api: StreamApi;
}

async function runStream(stage: Stage, onReady: () => void): Promise<DemoReport> {
  const { flags, context, trickle, api } = stage;
  for (const name of [INPUT_CHANNEL, OUTPUT_CHANNEL]) trickle.createChannel(name, MPEG_TS);
  await using recording = flags.output === undefined
    ? undefined
    : await ChannelRecording.start(trickle.ownUrl(OUTPUT_CHANNEL), flags.output);
  await api.start({
    gateway_request_id: "demo",
    subscribe_url: trickle.ownUrl(INPUT_CHANNEL),
    publish_url: trickle.ownUrl(OUTPUT_CHANNEL),
  });
  onReady();
  {
    await using _status = new StatusTicker(stage);
    await feed(stage);
    if (!context.signal.aborted) await drain(api);
  }
  if ((await api.status()).active_streams > 0) await api.stop();
  await recording?.finished;
  return reportOf(await api.status(), recording?.lostSegments ?? 0);
}

async function feed({ media, trickle }: Stage): Promise<void> {
  await using publisher = new TricklePublisher(trickle.ownUrl(INPUT_CHANNEL), {
    contentType: MPEG_TS,
  });
  await media.send(publisher);
  await publisher.close();
}

/** The input has ended: what the worker still has is to come out by itself. */
async function drain(api: StreamApi): Promise<void> {
  let framesOut = 0;
  for (let poll = 0; poll < DRAIN_POLLS; poll++) {
    const { active_streams, metrics } = await api.status();
    if (active_streams === 0) return;
    const { frames_out = 0 } = metrics;
    if (frames_out > framesOut) poll = 0;
    framesOut = frames_out;
    await delay(DRAIN_POLL_MS);
  }
}

/** Keeps the status line up to date. */
class StatusTicker implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(stage: Stage) {
    this.#done = stage.context.terminal.interactive ? this.#run(stage) : Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #run({ api, context }: Stage): Promise<void> {
    const { signal } = this.#stop;
    const startedMs = performance.now();
    while (!signal.aborted) {
      const elapsedSeconds = (performance.now() - startedMs) / 1000;
      context.terminal.status(statusLine(await api.status(), elapsedSeconds));
      await pause(STATUS_INTERVAL_MS, signal);
    }
    context.terminal.keepStatus();
  }
}
