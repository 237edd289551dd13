/**
 * `subscribe`: the bytes of a trickle channel into a file or onto standard output.
 *
 * @module
 */

import { type Command, InvalidArgumentError } from "commander";
import { roomLogger, TrickleError } from "../../base/mod.ts";
import { type SubscriberStart, TrickleSubscriber } from "../../trickle/mod.ts";
import { copyChannel, openOutput } from "../channel_copy.ts";
import { type CommandContext, EXIT, type ExitCode, type RunTask } from "../command_run.ts";
import type { LogSettings } from "../logging.ts";
import {
  addTlsOptions,
  httpUrl,
  option,
  positiveNumber,
  type TlsFlags,
  tlsOf,
} from "../options.ts";
import { addClientTokenOption, clientToken, type ClientTokenFlags } from "../trickle_access.ts";

const log = roomLogger("cli");

interface SubscribeFlags extends LogSettings, ClientTokenFlags, TlsFlags {
  readonly start: SubscriberStart;
  readonly wait?: number;
}

/** Adds the command. */
export function addSubscribe(program: Command, run: RunTask): Command {
  const command = program.command("subscribe")
    .description("write what a trickle channel carries to a file, or to standard output (-)")
    .argument("<url>", "URL of the channel", httpUrl)
    .argument("<out>", "file to write, or - for standard output")
    .addOption(option<SubscriberStart>("--start <segment>", "begin at current, next or a number", {
      env: "RUNNEL_SUBSCRIBE_START",
      default: "current",
      parse: subscriberStart,
    }))
    .addOption(option("--wait <seconds>", "wait this long for a channel that does not exist yet", {
      env: "RUNNEL_SUBSCRIBE_WAIT",
      parse: positiveNumber,
    }));
  return addTlsOptions(addClientTokenOption(command, "RUNNEL_SUBSCRIBE_TOKEN_FILE"))
    .action((url: string, out: string, flags: SubscribeFlags) =>
      run(flags, (context) => subscribe({ url, out, flags }, context))
    );
}

function subscriberStart(text: string): SubscriberStart {
  if (text === "current" || text === "next") return text;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Use current, next, or the number of a segment.");
}

async function subscribe(
  { url, out, flags }: { url: string; out: string; flags: SubscribeFlags },
  context: CommandContext,
): Promise<ExitCode> {
  await using subscriber = new TrickleSubscriber(url, {
    ...clientToken(flags),
    start: flags.start,
    waitForChannelMs: (flags.wait ?? 0) * 1000,
    tls: tlsOf(flags),
    signal: context.signal,
  });
  using output = await openOutput(out);
  context.announce(`Subscribed to ${subscriber.url}, writing to ${out}`, { url: subscriber.url });
  if (await copyChannel(subscriber, output) === "unread") return EXIT.ok;
  const outcome = await subscriber.outcome;
  const { segments, bytes, skippedSegments, droppedSegments } = subscriber.stats;
  if (outcome.kind === "not-found" && segments === 0) {
    throw new TrickleError(
      "TRICKLE_NOT_FOUND",
      `Cannot subscribe to ${subscriber.url}: there is no such channel; ` +
        "check the name, or use --wait to wait for it",
    );
  }
  log.info("The channel ended: {segments} segments, {bytes} bytes", { segments, bytes });
  const lost = skippedSegments + droppedSegments;
  if (lost > 0) log.warn("{lost} segments are missing: reading was too slow", { lost });
  return EXIT.ok;
}
