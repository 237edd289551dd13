export * from "./clock.ts";
export * from "./segments.ts";
export * from "./server/trickle_server.ts";
export * from "./subscriber/trickle_subscriber.ts";
export * from "./subscriber/subscriber_options.ts";
