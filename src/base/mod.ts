/**
 * What every room may use: errors, bounded queues, clocks, time bases, loggers, and the end of the
 * process. Nothing here knows of media, and but for the ports of `net/` nothing of HTTP.
 *
 * @module
 */

export * from "./bounded_queue.ts";
export * from "./clock.ts";
export * from "./credentials.ts";
export * from "./environment.ts";
export * from "./errors.ts";
export * from "./exit.ts";
export * from "./graphics_card.ts";
export * from "./interrupt.ts";
export * from "./log.ts";
export * from "./loopback.ts";
export * from "./pause.ts";
export * from "./rational.ts";
export * from "./url_policy.ts";
export * from "./user_code.ts";
