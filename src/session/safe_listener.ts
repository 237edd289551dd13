/**
 * Calls to an application that is told what happens to a stream.
 *
 * @module
 */

import { callUserCode, describeError, roomLogger } from "../base/mod.ts";
import type { SessionEvent } from "./types.ts";

const log = roomLogger("session");

/**
 * A listener that never throws. What the application's own listener throws, or rejects with, is logged,
 * and the stream goes on.
 */
export function safeListener(
  listener: ((event: SessionEvent) => unknown) | undefined,
  streamId: string,
): (event: SessionEvent) => void {
  if (listener === undefined) return () => {};
  const failed = (event: SessionEvent, error: unknown): void =>
    log.error("The listener of stream {stream} failed at {type}: {reason}", {
      type: event.type,
      reason: describeError(error),
      stream: streamId,
    });
  return (event) => {
    try {
      const returned = callUserCode(() => listener(event));
      if (returned instanceof Promise) returned.catch((error) => failed(event, error));
    } catch (error) {
      failed(event, error);
    }
  };
}
