/**
 * A session between two trickle channels.
 *
 * @module
 */

import { TricklePublisher, TrickleSubscriber } from "../trickle/mod.ts";
import type { SegmentSink, TlsOptions } from "../trickle/mod.ts";
import { Session } from "./session.ts";
import type { SessionOptions } from "./types.ts";

/** Media type of input and output channels (TRICKLE.md section 7.6). */
const MPEG_TS_MEDIA_TYPE = "video/mp2t";
/** Media type of data channels (LIVEPEER.md section 3). */
const DATA_MEDIA_TYPE = "application/jsonl";
/** How long an input channel that does not exist yet is waited for: creation may race with the start. */
const CHANNEL_GRACE_MS = 2_000;

/** How {@linkcode openTrickleSession} sets a session up. */
export interface TrickleSessionOptions
  extends Omit<SessionOptions, "source" | "sink" | "data" | "inputFound"> {
  /** URL of the input channel; without it frames do not come from a channel. */
  readonly subscribeUrl?: string | undefined;
  /** URL of the output channel; without it what is processed is not published. */
  readonly publishUrl?: string | undefined;
  /** URL of the data channel; without it lines that the processor publishes are dropped. */
  readonly dataUrl?: string | undefined;
  /** What is demanded of the trickle servers' certificates. @default {{ mode: "system" }} */
  readonly tls?: TlsOptions | undefined;
}

/** Sets up a session that reads one trickle channel and writes another. It starts with `start()`. */
export function openTrickleSession(options: TrickleSessionOptions): Session {
  const { subscribeUrl, publishUrl, dataUrl, tls, ...rest } = options;
  const transport = tls === undefined ? {} : { tls };
  const source = subscribeUrl === undefined ? undefined : new TrickleSubscriber(subscribeUrl, {
    start: "current",
    waitForChannelMs: CHANNEL_GRACE_MS,
    ...transport,
  });
  const publisher = (url: string | undefined, contentType: string): SegmentSink | undefined =>
    url === undefined
      ? undefined
      : new TricklePublisher(url, { contentType, autocreate: true, ...transport });
  return new Session({
    ...rest,
    source,
    sink: publisher(publishUrl, MPEG_TS_MEDIA_TYPE),
    data: publisher(dataUrl, DATA_MEDIA_TYPE),
    ...(source === undefined
      ? {}
      : { inputFound: async () => (await source.outcome).kind !== "not-found" }),
  });
}
