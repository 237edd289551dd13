export * from "./clock.ts";
export * from "./segments.ts";
export * from "./server/trickle_server.ts";
