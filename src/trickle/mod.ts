/**
 * The trickle protocol: byte segments over HTTP, one channel of them per stream. A {@linkcode
 * TrickleServer} keeps the channels; a {@linkcode TricklePublisher} is a sink that segments flow
 * into; a {@linkcode TrickleSubscriber} is a source that they flow out of. Nothing here knows what
 * the bytes mean.
 *
 * @module
 */

export { TrickleError, type TrickleErrorCode } from "../base/mod.ts";
export { type HostLookup, UrlPolicy, type UrlPolicyOptions, type UrlRules } from "../base/mod.ts";
export type { ConnectionLimits } from "../base/net/connection_limits.ts";
export type { PortPatience } from "../base/net/http_port.ts";
export { type Clock, systemClock } from "./clock.ts";
export type { InputSegment, SegmentSink, SegmentSource, SegmentWriter } from "./segments.ts";
export { CHANGE_FEED_NAME, type ChannelChanges } from "./server/change_feed.ts";
export { DEFAULT_TRICKLE_LIMITS, type TrickleLimits } from "./server/limits.ts";
export type { TrickleGrant } from "./server/access/access.ts";
export { parseRights, TRICKLE_RIGHTS, type TrickleRight } from "./server/access/rights.ts";
export type {
  RequestSender,
  TrickleAccess,
  TrickleListenOptions,
  TrickleServerOptions,
  TrickleServerStats,
} from "./server/server_options.ts";
export { checkSignKey, signChannelUrl, type SignedUrlOptions } from "./server/access/signed_url.ts";
export { TrickleServer } from "./server/trickle_server.ts";
export { TricklePublisher } from "./publisher/trickle_publisher.ts";
export type {
  PublisherStart,
  PublisherStats,
  TricklePublisherOptions,
} from "./publisher/publisher_options.ts";
export { TrickleSubscriber } from "./subscriber/trickle_subscriber.ts";
export type {
  SubscriberOutcome,
  SubscriberStart,
  SubscriberStats,
  TrickleSubscriberOptions,
} from "./subscriber/subscriber_options.ts";
export {
  LocalPublisher,
  type LocalPublisherOptions,
  LocalSubscriber,
  type LocalSubscriberOptions,
  LocalTransport,
  type TrickleHandler,
} from "./local.ts";
export { createTransport } from "./transport/create_transport.ts";
export {
  resolveTls,
  type TlsEnvironmentOptions,
  tlsFromEnvironment,
  type TlsOptions,
  type TlsSettings,
} from "./transport/tls.ts";
export {
  NotConnectedError,
  type Transport,
  type TransportOptions,
  type TransportRequest,
  type TransportResponse,
} from "./transport/transport.ts";
