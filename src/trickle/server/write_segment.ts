/**
 * `POST {channel}/{seq}`: every byte goes to the readers as it comes in. TRICKLE.md sections 4,
 * 5.2, 6.5.
 *
 * @module
 */

import { describeError, roomLogger } from "../../base/mod.ts";
import type { Channel } from "./channel.ts";
import type { ClientId } from "./access/memory_pool.ts";
import { closedHeaders, errorResponse, unreadBodyResponse } from "./responses.ts";
import type { SegmentBuffer } from "./segment_buffer.ts";
import { CLOSED_HEADER, RESET_HEADER, SEQ_HEADER } from "../protocol.ts";

const log = roomLogger("trickle");

/** POSTs that are under way, so that a stopping server can end them. */
export class ActivePosts {
  readonly #bodies = new Set<RequestBody>();

  /** Reads a body as one of these. */
  async run<T>(body: RequestBody, use: () => Promise<T>): Promise<T> {
    this.#bodies.add(body);
    try {
      return await use();
    } finally {
      this.#bodies.delete(body);
    }
  }

  /** Ends them all: each answers at once. */
  interruptAll(): void {
    for (const body of this.#bodies) body.interrupt();
  }
}

/** What came next of a request body. A broken one, cut without its terminator, throws instead. */
type BodyPiece =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  | { readonly kind: "interrupted" };

/** Bytes that are read at once. */
const READ_BYTES = 64 * 1024;

/** The body of a POST, whose reading can be given up from outside at any time. */
class RequestBody {
  readonly #read: BodyReader | undefined;
  #interrupted = false;

  constructor(request: Request) {
    this.#read = request.body === null ? undefined : createBodyReader(request.body);
  }

  /** The next bytes, never none. They are valid until the next call. */
  async next(): Promise<BodyPiece> {
    for (;;) {
      if (this.#interrupted) return { kind: "interrupted" };
      const bytes = await this.#read?.next();
      if (this.#interrupted) return { kind: "interrupted" };
      if (bytes === undefined) return { kind: "end" };
      if (bytes.byteLength > 0) return { kind: "bytes", bytes };
    }
  }

  /** Gives the rest up: a pending `next` answers so, and the runtime drains what still comes. */
  interrupt(): void {
    if (this.#interrupted) return;
    this.#interrupted = true;
    this.#read?.cancel().catch((error: unknown) => {
      log.debug("A request body ended as it was given up: {error}", {
        error: describeError(error),
      });
    });
  }
}

interface BodyReader {
  /** The next bytes; undefined at the end. */
  next(): Promise<Uint8Array | undefined>;
  cancel(): Promise<void>;
}

/**
 * Reads a body into one buffer again and again: a new one for each read is garbage that is collected late.
 * Only what comes over the network can be read like that; bodies that the program itself made cannot.
 */
function createBodyReader(body: ReadableStream<Uint8Array>): BodyReader {
  const byob = byobReader(body);
  if (byob === undefined) {
    const reader = body.getReader();
    return { next: async () => (await reader.read()).value, cancel: () => reader.cancel() };
  }
  let buffer = new ArrayBuffer(READ_BYTES);
  return {
    async next(): Promise<Uint8Array | undefined> {
      const { value, done } = await byob.read(new Uint8Array(buffer));
      if (done) return undefined;
      buffer = value.buffer;
      return value;
    },
    cancel: () => byob.cancel(),
  };
}

/** Undefined for a stream that is none of bytes. */
function byobReader(body: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  try {
    return body.getReader({ mode: "byob" });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return undefined;
  }
}

/** Answers a client's POST to a segment; `requested` is the parsed index, -1 included. */
export async function writeSegment(
  request: Request,
  target: { readonly channel: Channel; readonly requested: number; readonly client: ClientId },
  posts: ActivePosts,
): Promise<Response> {
  const { channel, client } = target;
  const segment = channel.openForWrite(target.requested);
  // An empty value asks for nothing (section 3).
  if ((request.headers.get(RESET_HEADER) ?? "") !== "") channel.resetBelow(segment.index);
  const body = new RequestBody(request);
  return await posts.run(body, async () => {
    const first = await firstPiece(segment, body);
    if (first.kind === "broken") return errorResponse(500, "Server error");
    if (first.kind !== "bytes") return finishedEmpty(channel, segment);
    return await receive({ channel, segment, body, client }, first.bytes);
  });
}

type FirstPiece = BodyPiece | { readonly kind: "broken" };

/** The first bytes, or the news that someone else closed the segment before they came. */
async function firstPiece(segment: SegmentBuffer, body: RequestBody): Promise<FirstPiece> {
  if (segment.closed) {
    body.interrupt();
    return { kind: "interrupted" };
  }
  const piece = body.next().catch(() => ({ kind: "broken" as const }));
  const closed = segment.whenClosed.then(() => ({ kind: "interrupted" as const }));
  const first = await Promise.race([piece, closed]);
  // Q11: closed wins, whatever arrived in the same moment.
  if (!segment.closed) return first;
  body.interrupt();
  return { kind: "interrupted" };
}

/** A POST that is being read. */
interface Post {
  readonly channel: Channel;
  readonly segment: SegmentBuffer;
  readonly body: RequestBody;
  readonly client: ClientId;
}

async function receive(post: Post, first: Uint8Array): Promise<Response> {
  const { channel, segment, body, client } = post;
  let piece: BodyPiece = { kind: "bytes", bytes: first };
  while (piece.kind === "bytes") {
    const outcome = channel.write(segment, piece.bytes, client);
    if (outcome === "segment-full" || outcome === "memory-full") {
      body.interrupt();
      return tooLargeResponse(segment, outcome);
    }
    try {
      piece = await body.next();
    } catch (error) {
      // Section 6.6: the segment stays open, for whoever posts the rest of it.
      log.debug("The body of segment {seq} of {channel} broke: {error}", {
        seq: segment.index,
        channel: channel.name,
        error: describeError(error),
      });
      return errorResponse(500, "Server error");
    }
  }
  const headers = { [SEQ_HEADER]: String(segment.index), "Content-Length": "0" };
  if (piece.kind === "interrupted") {
    return new Response(null, {
      headers: { ...headers, "Connection": "close", [CLOSED_HEADER]: "terminated" },
    });
  }
  channel.finish(segment);
  return new Response(null, { headers });
}

function finishedEmpty(channel: Channel, segment: SegmentBuffer): Response {
  channel.finish(segment);
  return new Response(null, {
    headers: {
      [SEQ_HEADER]: String(segment.index),
      "Content-Length": "0",
      "Connection": "close",
      ...closedHeaders(channel),
    },
  });
}

function tooLargeResponse(segment: SegmentBuffer, full: "segment-full" | "memory-full"): Response {
  const limit = full === "segment-full"
    ? "maxSegmentBytes"
    : "maxChannelBytes, maxBytesPerClient or maxTotalBytes";
  return unreadBodyResponse(
    413,
    `Cannot store segment ${segment.index}: it goes beyond ${limit}; send smaller segments`,
  );
}
