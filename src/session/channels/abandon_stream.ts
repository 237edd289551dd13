/**
 * The end of a stream whose session is gone without having ended.
 *
 * @module
 */

import { describeError, roomLogger, UrlPolicy, type UrlRules } from "../../base/mod.ts";
import { withoutCredentials } from "../../base/credentials.ts";
import { createTransport, type TlsOptions, TricklePublisher } from "../../trickle/mod.ts";
import { EventChannel } from "./event_channel.ts";

const log = roomLogger("session");

/** A stream that was abandoned. */
export interface AbandonedStream {
  readonly id: string;
  readonly publishUrl?: string | undefined;
  readonly eventsUrl?: string | undefined;
  readonly dataUrl?: string | undefined;
  readonly tls?: TlsOptions | undefined;
  /** Where the URLs may lead. @default {everywhere} */
  readonly urlRules?: UrlRules | undefined;
  /** Why. */
  readonly error: Error;
}

/** What a server that does not answer may hold up. */
const CLOSE_TIMEOUT_MS = 1_000;

/** Tells the gateway what happened, and ends the channels that the session would have ended. */
export async function abandonStream(stream: AbandonedStream): Promise<void> {
  const { id, publishUrl, eventsUrl, dataUrl, tls, urlRules, error } = stream;
  const urls = urlRules === undefined ? undefined : new UrlPolicy(urlRules);
  const publisher = (url: string): TricklePublisher =>
    new TricklePublisher(url, {
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
      transport: createTransport(tls, { uploads: true, urls }),
    });
  const onError = (reason: Error): void =>
    log.warn("Stream {stream}: its channels could not be ended: {reason}", {
      stream: id,
      reason: reason.message,
    });
  if (eventsUrl !== undefined) {
    await using events = new EventChannel({ sink: publisher(eventsUrl), onError });
    events.send({ type: "error", message: withoutCredentials(error.message) });
    events.send({ type: "stream_stopped", reason: "failed" });
  }
  for (const url of [publishUrl, dataUrl]) {
    if (url === undefined) continue;
    try {
      await publisher(url).close();
    } catch (failure) {
      onError(failure instanceof Error ? failure : new Error(describeError(failure)));
    }
  }
}
