/**
 * A session between two trickle channels.
 *
 * @module
 */

import { describeError, roomLogger, UrlPolicy, type UrlRules } from "../base/mod.ts";
import { createTransport, TricklePublisher, TrickleSubscriber } from "../trickle/mod.ts";
import type {
  SegmentSink,
  SegmentSource,
  TlsOptions,
  Transport,
  TransportOptions,
} from "../trickle/mod.ts";
import { ReopeningSink } from "./channels/reopening_sink.ts";
import { Session } from "./session.ts";
import type { SideChannels } from "./channels/side_channels.ts";
import type { SessionOptions } from "./types.ts";

const log = roomLogger("session");

/** Media type of input and output channels (TRICKLE.md section 7.6). */
const MPEG_TS_MEDIA_TYPE = "video/mp2t";
/** Media type of data channels (LIVEPEER.md section 3). */
const DATA_MEDIA_TYPE = "application/jsonl";
/** Media type of events channels (LIVEPEER.md section 3). */
const EVENTS_MEDIA_TYPE = "application/json";
/** How long an input channel that does not exist yet is waited for: creation may race with the start. */
const CHANNEL_GRACE_MS = 2_000;

/** How {@linkcode openTrickleSession} sets a session up. */
export interface TrickleSessionOptions
  extends Omit<SessionOptions, "source" | "sink" | "inputFound" | keyof ChannelEnds> {
  /** URL of the input channel; without it frames do not come from a channel. */
  readonly subscribeUrl?: string | undefined;
  /** URL of the output channel; without it what is processed is not published. */
  readonly publishUrl?: string | undefined;
  /** URL of the control channel; without it parameters do not come from a channel. */
  readonly controlUrl?: string | undefined;
  /** URL of the events channel; without it nobody hears what happens to the stream. */
  readonly eventsUrl?: string | undefined;
  /** URL of the data channel; without it lines that the processor publishes are dropped. */
  readonly dataUrl?: string | undefined;
  /** What is demanded of the trickle servers' certificates. @default {{ mode: "system" }} */
  readonly tls?: TlsOptions | undefined;
  /** Where the URLs may lead: each connection is held to it. @default {everywhere} */
  readonly urlRules?: UrlRules | undefined;
  /**
   * Makes what requests to trickle servers go through; then `tls` and `urlRules` are its own matter.
   * @default {createTransport(tls, options)}
   */
  readonly createTransport?: ((options: TransportOptions) => Transport) | undefined;
}

/**
 * What a server that does not answer may add to a stop, which has ten seconds in all, two of them for
 * the frames in flight.
 */
const OUTPUT_CLOSE_TIMEOUT_MS = 2_000;
const SIDE_CLOSE_TIMEOUT_MS = 1_000;

/** What is opened from URLs here. */
type ChannelEnds = Pick<SideChannels, "data" | "events" | "control" | "urls">;

/**
 * Sets up a session that reads one trickle channel and writes another. It starts with `start()`. Throws as
 * the constructor of {@linkcode Session} does, and then nothing is open.
 */
export function openTrickleSession(options: TrickleSessionOptions): Session {
  const { subscribeUrl, publishUrl, controlUrl, eventsUrl, dataUrl, tls, ...others } = options;
  const { createTransport: given, urlRules, ...rest } = others;
  const clock = rest.clock === undefined ? {} : { clock: rest.clock };
  const urls = urlRules === undefined ? undefined : new UrlPolicy(urlRules);
  const transport = (wanted: TransportOptions): Transport =>
    given === undefined ? createTransport(tls, { ...wanted, urls }) : given(wanted);
  const source = subscribeUrl === undefined ? undefined : new TrickleSubscriber(subscribeUrl, {
    start: "current",
    waitForChannelMs: CHANNEL_GRACE_MS,
    ...clock,
    transport: transport({}),
  });
  const publisher = (url: string, contentType: string, closeTimeoutMs: number): TricklePublisher =>
    new TricklePublisher(url, {
      contentType,
      closeTimeoutMs,
      autocreate: true,
      ...clock,
      transport: transport({ uploads: true }),
    });
  const sideSink = (url: string | undefined, contentType: string): SegmentSink | undefined =>
    url === undefined ? undefined : new ReopeningSink({
      open: () => publisher(url, contentType, SIDE_CLOSE_TIMEOUT_MS),
      ...clock,
      onLost: (error) =>
        log.warn("Stream {id}: a channel is lost and opened again: {reason}", {
          id: rest.id,
          reason: describeError(error),
        }),
    });
  const control = (url: string) => (start: number | undefined): SegmentSource =>
    new TrickleSubscriber(url, {
      start: start ?? "current",
      waitForChannelMs: CHANNEL_GRACE_MS,
      ...clock,
      transport: transport({}),
    });
  const sink = publishUrl === undefined
    ? undefined
    : publisher(publishUrl, MPEG_TS_MEDIA_TYPE, OUTPUT_CLOSE_TIMEOUT_MS);
  try {
    return new Session({
      ...rest,
      source,
      sink,
      data: sideSink(dataUrl, DATA_MEDIA_TYPE),
      events: sideSink(eventsUrl, EVENTS_MEDIA_TYPE),
      control: controlUrl === undefined ? undefined : control(controlUrl),
      urls: {
        subscribe_url: subscribeUrl,
        publish_url: publishUrl,
        control_url: controlUrl,
        events_url: eventsUrl,
        data_url: dataUrl,
      },
      ...(source === undefined
        ? {}
        : { inputFound: async () => (await source.outcome).kind !== "not-found" }),
    });
  } catch (error) {
    // Nothing was published: the channel is its server's.
    for (const given of [source?.[Symbol.asyncDispose](), sink?.leave()]) {
      given?.then(
        undefined,
        (failure: unknown) =>
          log.warn("A channel that was not used could not be given up: {reason}", {
            reason: describeError(failure),
          }),
      );
    }
    throw error;
  }
}
