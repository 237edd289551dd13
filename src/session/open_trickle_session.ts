/**
 * A session between two trickle channels.
 *
 * @module
 */

import { TricklePublisher, TrickleSubscriber } from "../trickle/mod.ts";
import type { TlsOptions } from "../trickle/mod.ts";
import { Session } from "./session.ts";
import type { SessionOptions } from "./types.ts";

/** Media type of input and output channels (TRICKLE.md section 7.6). */
const MPEG_TS_MEDIA_TYPE = "video/mp2t";
/** How long an input channel that does not exist yet is waited for: creation may race with the start. */
const CHANNEL_GRACE_MS = 2_000;

/** How {@linkcode openTrickleSession} sets a session up. */
export interface TrickleSessionOptions
  extends Omit<SessionOptions, "source" | "sink" | "inputFound"> {
  /** URL of the input channel; without it frames do not come from a channel. */
  readonly subscribeUrl?: string | undefined;
  /** URL of the output channel; without it what is processed is not published. */
  readonly publishUrl?: string | undefined;
  /** What is demanded of the trickle servers' certificates. @default {{ mode: "system" }} */
  readonly tls?: TlsOptions | undefined;
}

/** Sets up a session that reads one trickle channel and writes another. It starts with `start()`. */
export function openTrickleSession(options: TrickleSessionOptions): Session {
  const { subscribeUrl, publishUrl, tls, ...rest } = options;
  const transport = tls === undefined ? {} : { tls };
  const source = subscribeUrl === undefined ? undefined : new TrickleSubscriber(subscribeUrl, {
    start: "current",
    waitForChannelMs: CHANNEL_GRACE_MS,
    ...transport,
  });
  const sink = publishUrl === undefined ? undefined : new TricklePublisher(publishUrl, {
    contentType: MPEG_TS_MEDIA_TYPE,
    autocreate: true,
    ...transport,
  });
  return new Session({
    ...rest,
    source,
    sink,
    ...(source === undefined
      ? {}
      : { inputFound: async () => (await source.outcome).kind !== "not-found" }),
  });
}
