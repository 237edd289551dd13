/**
 * What every room may use: errors, bounded queues, clocks, time bases, loggers, and the end of the
 * process. Nothing here knows of media, and but for the ports of `net/` nothing of HTTP.
 *
 * @module
 */

export * from "./bounded_queue.ts";
export * from "./clock.ts";
export * from "./credentials.ts";
export * from "./process/environment.ts";
export * from "./errors.ts";
export * from "./process/exit.ts";
export * from "./process/graphics_card.ts";
export * from "./process/interrupt.ts";
export * from "./log.ts";
export * from "./net/loopback.ts";
export * from "./pause.ts";
export * from "./rational.ts";
export * from "./net/url_policy.ts";
export * from "./user_code.ts";
