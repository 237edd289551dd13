/**
 * `publish`: a file, a camera or a test picture into a trickle channel, in real time.
 *
 * @module
 */

import type { Command } from "commander";
import { retry } from "@std/async/retry";
import { roomLogger, TrickleError } from "../../base/mod.ts";
import { TricklePublisher } from "../../trickle/mod.ts";
import { type CommandContext, EXIT, type ExitCode, type RunTask } from "../command_run.ts";
import { LiveMedia, TEST_INPUT } from "../live_media.ts";
import type { LogSettings } from "../logging.ts";
import {
  addTlsOptions,
  httpUrl,
  option,
  positiveNumber,
  type TlsFlags,
  tlsOf,
} from "../options.ts";
import { addTestOptions, type TestFlags } from "../test_options.ts";
import { addClientTokenOption, clientToken, type ClientTokenFlags } from "../trickle_access.ts";

const log = roomLogger("cli");

/** Between two tries to reach a server. */
const RETRY_MS = 200;

interface PublishFlags extends LogSettings, ClientTokenFlags, TestFlags, TlsFlags {
  readonly loop: boolean;
  readonly wait?: number;
}

/** Adds the command. */
export function addPublish(program: Command, run: RunTask): Command {
  const command = program.command("publish")
    .description("publish a file, a camera or a test picture to a trickle channel, in real time")
    .argument("<in>", `file, URL of a camera or stream, or ${TEST_INPUT} for a test picture`)
    .argument("<url>", "URL of the channel", httpUrl)
    .addOption(option<boolean>("--loop", "begin anew at the end of the file", {
      env: "RUNNEL_LOOP",
      default: false,
    }))
    .addOption(option("--wait <seconds>", "wait this long for a server that does not answer yet", {
      env: "RUNNEL_PUBLISH_WAIT",
      parse: positiveNumber,
    }));
  return addTlsOptions(addClientTokenOption(addTestOptions(command), "RUNNEL_PUBLISH_TOKEN_FILE"))
    .action((input: string, url: string, flags: PublishFlags) =>
      run(flags, (context) => publish({ input, url, flags }, context))
    );
}

async function publish(
  { input, url, flags }: { input: string; url: string; flags: PublishFlags },
  context: CommandContext,
): Promise<ExitCode> {
  const tls = tlsOf(flags);
  await using publisher = new TricklePublisher(url, {
    ...clientToken(flags),
    contentType: "video/mp2t",
    tls,
  });
  const { signal, pacing } = context;
  await using media = new LiveMedia({ ...flags, input, signal, pacing });
  // What a camera shows while the server is waited for would be late.
  if (input === TEST_INPUT || flags.wait === undefined) media.begin();
  // Says at once where there is no server, or no such channel and no way to create it.
  await createChannel(publisher, { waitMs: (flags.wait ?? 0) * 1000, signal });
  context.announce(`Publishing ${input} to ${publisher.url}`, { url: publisher.url });
  const { segments, bytes, failedSegments } = await media.send(publisher);
  await publisher.close();
  log.info("Published {segments} segments, {bytes} bytes", { segments, bytes });
  if (failedSegments > 0) log.warn("{count} segments failed", { count: failedSegments });
  return failedSegments > 0 && failedSegments === segments ? EXIT.failed : EXIT.ok;
}

async function createChannel(
  publisher: TricklePublisher,
  { waitMs, signal }: { waitMs: number; signal: AbortSignal },
): Promise<void> {
  const deadline = performance.now() + waitMs;
  await retry(() => publisher.create(), {
    ...{ maxAttempts: Number.MAX_SAFE_INTEGER, minTimeout: RETRY_MS, multiplier: 1, jitter: 0 },
    isRetriable: (error) =>
      error instanceof TrickleError && error.code === "TRICKLE_UNREACHABLE" &&
      performance.now() < deadline,
    signal,
  });
}
