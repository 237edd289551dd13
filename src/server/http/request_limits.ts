/**
 * How long a request may take: to arrive, and to be answered.
 *
 * @module
 */

import { type Clock, describeError, roomLogger } from "../../base/mod.ts";
import { failure } from "./responses.ts";
import type { HttpHandler } from "./route_table.ts";

const log = roomLogger("server");

/** How long a body may take to arrive. */
export const BODY_TIMEOUT_MS = 30_000;

/** How long a handler may take. */
export const REQUEST_TIMEOUT_MS = 30_000;

/** The limits of {@linkcode withLimits}, in milliseconds of the clock. */
export interface RequestLimits {
  readonly bodyTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
}

/** What reading a body throws when the client was too slow to send it. */
class BodyTimeoutError extends Error {}

/**
 * A handler with bounded time. A body that is not complete in time is a 408, a handler that did not
 * answer in time a 504; what it was doing goes on. The time of a request with a body counts from
 * the time that the body may take, so that a slow client is never told that the server was slow.
 */
export function withLimits(limits: RequestLimits, handler: HttpHandler): HttpHandler {
  const { bodyTimeoutMs, requestTimeoutMs, clock } = limits;
  return async (request) => {
    const body = request.body === null ? undefined : boundBody(request.body, limits);
    const bounded = body === undefined ? request : new Request(request, { body: body.stream });
    const totalMs = requestTimeoutMs + (body === undefined ? 0 : bodyTimeoutMs);
    const late = Promise.withResolvers<Response>();
    const cancel = clock.schedule(totalMs, () => late.resolve(tooSlow(request, totalMs)));
    // Nobody hears the answer to a request whose connection is gone.
    const leave = (): void => late.resolve(new Response(null, { status: 499 }));
    request.signal.addEventListener("abort", leave, { once: true });
    const answer = answerOf(bounded, handler, () => body?.timedOut ?? false, bodyTimeoutMs);
    try {
      const response = await Promise.race([answer, late.promise]);
      // What comes after that is not sent any more.
      void answer.then(async (own) => {
        if (own !== response) await own.body?.cancel();
      }).catch((error) => {
        log.debug("A late answer failed: {reason}", { reason: describeError(error) });
      });
      return response;
    } finally {
      cancel();
      request.signal.removeEventListener("abort", leave);
      // A body that no handler read to its end must not keep its timer.
      body?.release();
    }
  };
}

/** Whatever a handler makes of a body that did not arrive, the client is told the reason. */
async function answerOf(
  request: Request,
  handler: HttpHandler,
  timedOut: () => boolean,
  bodyTimeoutMs: number,
): Promise<Response> {
  try {
    const response = await handler(request);
    if (!timedOut()) return response;
    await response.body?.cancel();
  } catch (error) {
    if (!timedOut()) throw error;
  }
  const seconds = bodyTimeoutMs / 1000;
  return closing(
    failure(408, `Cannot read the body: it did not arrive within ${seconds} s; send it again`),
  );
}

function tooSlow(request: Request, totalMs: number): Response {
  const { pathname } = new URL(request.url);
  log.error("{method} {pathname} had no answer after {totalMs} ms", {
    method: request.method,
    pathname,
    totalMs,
  });
  const message = `Cannot answer ${pathname}: the server took more than ${totalMs / 1000} s`;
  return closing(failure(504, `${message}; ask for its status before you try again`));
}

/** Asks the client to close: Deno does not cut a connection whose body is unfinished. */
function closing(response: Response): Response {
  response.headers.set("Connection", "close");
  return response;
}

interface BoundBody {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly timedOut: boolean;
  /** Stops the clock. */
  release(): void;
}

/** A body that fails when it has kept its reader waiting for too long altogether. */
function boundBody(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  { bodyTimeoutMs, clock }: RequestLimits,
): BoundBody {
  const reader = body.getReader();
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => {}); // it may reject while nobody reads
  let timedOut = false;
  let leftMs = bodyTimeoutMs;
  let stopTimer: () => void = () => {};
  const giveUp = (): void => {
    timedOut = true;
    late.reject(new BodyTimeoutError("the body did not arrive in time"));
    reader.cancel().catch((error) => {
      log.debug("A slow body was not cancelled: {reason}", { reason: describeError(error) });
    });
  };
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const startedMs = clock.now();
      stopTimer = clock.schedule(leftMs, giveUp);
      const { done, value } = await Promise.race([reader.read(), late.promise]);
      stopTimer();
      leftMs -= clock.now() - startedMs;
      if (timedOut) throw new BodyTimeoutError("the body did not arrive in time");
      if (!done) return controller.enqueue(value);
      controller.close();
    },
    async cancel(reason) {
      stopTimer();
      await reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
  return {
    stream,
    get timedOut() {
      return timedOut;
    },
    release: () => stopTimer(),
  };
}
