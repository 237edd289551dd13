/**
 * What a request may take: time to arrive and to be answered, and memory for its body.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import { type Clock, describeError, roomLogger } from "../../base/mod.ts";
import type { BodyBudget } from "./body_budget.ts";
import { failure } from "./responses.ts";

const log = roomLogger("server");

/** How long a body may take to arrive. */
export const BODY_TIMEOUT_MS = 30_000;

/** How long a handler may take. */
export const REQUEST_TIMEOUT_MS = 30_000;

/** How long an unread body may delay an answer that went well; a refusal does not wait. */
const DRAIN_GRACE_MS = 250;
/** Bytes of an unread body that are worth keeping the connection for. */
const MAX_DRAINED_BYTES = 64 << 10;

/** The limits of {@linkcode requestLimits}; times in milliseconds of the clock. */
export interface RequestLimits {
  readonly bodyTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  /** What all bodies together may hold. */
  readonly budget: BodyBudget;
}

/** Why a body could not be read. */
export type BodyFault =
  /** The client was too slow. */
  | "late"
  /** The client has left, or broke off. */
  | "broken"
  /** There are too many bytes of other bodies. */
  | "no-room"
  /** No number of other bodies matters: it alone is too large. */
  | "too-large";

/** What is known of a request while it is answered. */
export interface RequestEnvironment {
  readonly Variables: {
    /** Its body, where it has one. */
    readonly body?: { readonly fault: BodyFault | undefined };
  };
}

/** What reading a body throws that cannot be read. */
class BodyFaultError extends Error {}

/**
 * Bounds the time and the body of each request. A body that is not complete in time is a 408, a handler
 * that did not answer in time a 504; what it was doing goes on. The time of a request with a body counts from
 * the time that the body may take, so that a slow client is never told that the server was slow. An answer
 * that did not need the body, or not all of it, closes the connection instead of reading the rest.
 * Hono's `timeout` and `bodyLimit` bound neither the arrival of a body nor all bodies together.
 */
export function requestLimits(limits: RequestLimits): MiddlewareHandler<RequestEnvironment> {
  const { bodyTimeoutMs, requestTimeoutMs, clock } = limits;
  return async (context, next) => {
    const { raw: request } = context.req;
    const body = request.body === null ? undefined : new BoundBody(request.body, limits);
    if (body !== undefined) {
      context.set("body", body);
      context.req.raw = new Request(request, { body: body.stream });
    }
    const totalMs = requestTimeoutMs + (body === undefined ? 0 : bodyTimeoutMs);
    const late = Promise.withResolvers<Response>();
    const cancel = clock.schedule(totalMs, () => late.resolve(tooSlow(request, totalMs)));
    // Nobody hears the answer to a request whose connection is gone.
    const leave = (): void => late.resolve(new Response(null, { status: 499 }));
    request.signal.addEventListener("abort", leave, { once: true });
    const handle = async (): Promise<Response> => {
      await next();
      return context.res;
    };
    const answer = answerOf(request, handle, () => body?.fault, limits);
    try {
      const response = await Promise.race([answer, late.promise]);
      // What comes after that is not sent any more.
      void answer.then(async (own) => {
        if (own !== response) await own.body?.cancel();
      }).catch((error) => {
        log.debug("A late answer failed: {reason}", { reason: describeError(error) });
      });
      // An answer may be made of the body while it arrives.
      const isWhole = body === undefined || body.isRead || response.body === body.stream ||
        await body.settle(response.ok);
      context.res = undefined; // whose headers would be added
      context.res = isWhole ? response : closing(response);
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
  handle: () => Promise<Response>,
  faultOf: () => BodyFault | undefined,
  limits: RequestLimits,
): Promise<Response> {
  try {
    const response = await handle();
    if (faultOf() === undefined) return response;
    await response.body?.cancel();
  } catch (error) {
    if (faultOf() === undefined) throw error;
  }
  return closing(faultResponse(request, faultOf()!, limits));
}

function faultResponse(
  request: Request,
  fault: BodyFault,
  { bodyTimeoutMs, budget }: RequestLimits,
): Response {
  switch (fault) {
    case "late": {
      const seconds = bodyTimeoutMs / 1000;
      return failure(
        408,
        `Cannot read the body: it did not arrive within ${seconds} s; send it again`,
      );
    }
    case "broken":
      log.debug("The body of {method} {pathname} broke off", {
        method: request.method,
        pathname: new URL(request.url).pathname,
      });
      return failure(400, "Cannot read the body: it broke off; send it again");
    case "too-large":
      return failure(413, `Cannot read the body: it is larger than ${budget.limitBytes} bytes`);
    case "no-room": {
      const response = failure(503, "Cannot read the body: too many others are; send it again");
      response.headers.set("Retry-After", "1");
      return response;
    }
  }
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

/** Closes the connection after the answer: what the client still sends is not read. */
function closing(response: Response): Response {
  const headers = new Headers(response.headers);
  headers.set("Connection", "close");
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}

/**
 * A body that fails when it has kept its reader waiting for too long altogether, breaks off, or does not
 * fit beside the others.
 */
class BoundBody {
  /** The bytes, for the handler. */
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #limits: RequestLimits;
  readonly #failed = Promise.withResolvers<never>();
  #fault: BodyFault | undefined;
  #isComplete = false;
  #heldBytes = 0;
  /** What comes after the answer is not kept for it. */
  #isReleased = false;
  #leftMs: number;
  #stopTimer: () => void = () => {};

  constructor(body: ReadableStream<Uint8Array<ArrayBuffer>>, limits: RequestLimits) {
    this.#reader = body.getReader();
    this.#limits = limits;
    this.#leftMs = limits.bodyTimeoutMs;
    this.#failed.promise.catch(() => {}); // it may reject while nobody reads
    this.stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) => this.#pull(controller),
      cancel: () => this.#giveUp(),
    }, { highWaterMark: 0 });
  }

  /** What went wrong with it, if anything did. */
  get fault(): BodyFault | undefined {
    return this.#fault;
  }

  /** Whether somebody reads it, now and to its end. */
  get isRead(): boolean {
    return this.stream.locked && this.#fault === undefined;
  }

  /**
   * Whether all of it was read, so that the connection can go on. With `wait`, a small rest that nobody
   * wanted is read now.
   */
  async settle(wait: boolean): Promise<boolean> {
    if (!this.#isComplete && this.#fault === undefined && wait) await this.#drain();
    if (!this.#isComplete) this.#giveUp();
    return this.#isComplete;
  }

  /** Stops the clock and gives the memory back. */
  release(): void {
    this.#stopTimer();
    this.#limits.budget.give(this.#heldBytes);
    this.#heldBytes = 0;
    this.#isReleased = true;
  }

  async #pull(
    controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>,
  ): Promise<void> {
    const { clock, budget } = this.#limits;
    const startedMs = clock.now();
    this.#stopTimer = clock.schedule(this.#leftMs, () => this.#fail("late"));
    const read = this.#reader.read().catch(() => this.#fail("broken"));
    const result = await Promise.race([read, this.#failed.promise]);
    this.#stopTimer();
    this.#leftMs -= clock.now() - startedMs;
    if (result === undefined || this.#fault !== undefined) return await this.#failed.promise;
    const { done, value } = result;
    if (done) {
      this.#isComplete = true;
      return controller.close();
    }
    if (this.#isReleased) return controller.enqueue(value);
    if (!budget.take(value.length)) {
      const isAlone = this.#heldBytes + value.length > budget.limitBytes;
      this.#fail(isAlone ? "too-large" : "no-room");
      return await this.#failed.promise;
    }
    this.#heldBytes += value.length;
    controller.enqueue(value);
  }

  async #drain(): Promise<void> {
    const { clock } = this.#limits;
    const late = Promise.withResolvers<undefined>();
    const cancel = clock.schedule(DRAIN_GRACE_MS, () => late.resolve(undefined));
    try {
      for (let drained = 0; drained <= MAX_DRAINED_BYTES;) {
        const result = await Promise.race([this.#reader.read(), late.promise]);
        if (result === undefined) return;
        this.#isComplete = result.done;
        if (result.done) return;
        drained += result.value.length;
      }
    } catch {
      // Its client has left.
    } finally {
      cancel();
    }
  }

  #fail(fault: BodyFault): undefined {
    if (this.#fault !== undefined) return;
    this.#fault = fault;
    this.#failed.reject(new BodyFaultError(`the body is ${fault}`));
    this.#giveUp();
  }

  #giveUp(): void {
    this.#stopTimer();
    this.#reader.cancel().catch(() => {}); // its client has left
  }
}
