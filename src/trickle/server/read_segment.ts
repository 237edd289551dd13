/**
 * `GET {channel}/{seq}`: the head waits for the first byte, then every byte goes out as it comes
 * in. TRICKLE.md sections 4 and 5.3.
 *
 * @module
 */

import { pause, TrickleError } from "../../base/mod.ts";
import type { Channel } from "./channel.ts";
import type { RequestLease } from "./access/client_requests.ts";
import { closedHeaders, noSegmentResponse, UNTRUSTED_HEADERS } from "./responses.ts";
import { type SegmentBuffer, SegmentCursor } from "./segment_buffer.ts";
import { LATEST_HEADER, SEQ_HEADER } from "../protocol.ts";

/** What a GET or HEAD asks for, and how the answer is read. */
export interface ReadTarget {
  readonly channel: Channel;
  /** The parsed index, -1 and -2 included. */
  readonly requested: number;
  /** Whether a piece of the answer may still be used when the next one is asked for. */
  readonly keepsPieces: boolean;
}

/**
 * Answers a GET or HEAD for a segment. The lease ends with the request: where the answer has the bytes
 * of a segment, with the last of them.
 */
export async function readSegment(
  request: Request,
  target: ReadTarget,
  lease: RequestLease,
): Promise<Response> {
  const { channel, requested } = target;
  const segment = channel.openForRead(requested);
  if (segment === undefined) {
    lease.end();
    return noSegmentResponse(channel, requested);
  }
  const latestAtArrival = channel.next;
  const attachment = new ReaderAttachment(channel, segment, lease);
  try {
    await firstByte(segment, request);
  } catch (error) {
    attachment.release();
    throw error;
  }
  if (segment.byteLength === 0) {
    attachment.release();
    if (!request.signal.aborted) await nextTurn();
    return emptyResponse(channel, segment);
  }
  const headers = new Headers({ ...UNTRUSTED_HEADERS, [SEQ_HEADER]: String(segment.index) });
  if (latestAtArrival !== segment.index) headers.set(LATEST_HEADER, String(latestAtArrival));
  if (channel.mime !== "") headers.set("Content-Type", channel.mime);
  if (request.method === "HEAD") {
    attachment.release();
    return new Response(null, { headers });
  }
  if (target.keepsPieces) segment.piecesAreKept = true;
  return new Response(segmentBody(segment, attachment), { headers });
}

/**
 * The answer for a segment that closed without a byte; also for a client that has gone meanwhile.
 */
function emptyResponse(channel: Channel, segment: SegmentBuffer): Response {
  const headers = new Headers({
    ...UNTRUSTED_HEADERS,
    [SEQ_HEADER]: String(segment.index),
    [LATEST_HEADER]: String(channel.next),
    "Content-Length": "0",
    ...closedHeaders(channel),
  });
  return new Response(null, { headers });
}

/**
 * Lets what has arrived be handled first: a POST with a reset closes segments at its head, and the
 * `NEXT` that their readers are told should count the body that came along with it (case S57).
 */
function nextTurn(): Promise<void> {
  return pause(0);
}

/** Waits for a byte, the close, or the client's going (Q17). */
async function firstByte(segment: SegmentBuffer, request: Request): Promise<void> {
  if (segment.byteLength > 0 || segment.closed) return;
  const signal = request.signal;
  const gone = Promise.withResolvers<void>();
  const onGone = (): void => gone.resolve();
  signal.addEventListener("abort", onGone, { once: true });
  try {
    while (segment.byteLength === 0 && !segment.closed && !signal.aborted) {
      await Promise.race([segment.changed(), gone.promise]);
    }
  } finally {
    signal.removeEventListener("abort", onGone);
  }
}

/** A reader counted in its channel, and its request among its client's, until it is released. */
class ReaderAttachment {
  readonly #channel: Channel;
  readonly #segment: SegmentBuffer;
  readonly #lease: RequestLease;
  released = false;

  constructor(channel: Channel, segment: SegmentBuffer, lease: RequestLease) {
    this.#channel = channel;
    this.#segment = segment;
    this.#lease = lease;
    channel.attachReader(segment);
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    this.#channel.detachReader(this.#segment);
    this.#lease.end();
  }
}

/**
 * The bytes of a segment as a stream that reads ahead by nothing: a slow client costs a cursor. Not
 * a byte stream, which would detach the buffers that other readers share.
 */
function segmentBody(
  segment: SegmentBuffer,
  attachment: ReaderAttachment,
): ReadableStream<Uint8Array> {
  const cursor = new SegmentCursor(segment);
  return new ReadableStream({
    async pull(controller): Promise<void> {
      while (!attachment.released) {
        if (segment.discarded) {
          attachment.release();
          controller.error(cutError(segment));
          return;
        }
        const piece = cursor.read();
        if (piece !== undefined) return controller.enqueue(piece);
        if (segment.closed) {
          attachment.release();
          return controller.close();
        }
        await segment.changed();
      }
    },
    cancel(): void {
      attachment.release();
    },
  }, { highWaterMark: 0 });
}

function cutError(segment: SegmentBuffer): TrickleError {
  return new TrickleError(
    "TRICKLE_SEGMENT_FAILED",
    `Cannot send the rest of segment ${segment.index}: its reader is too slow for the server's ` +
      "memory limits; read faster or raise maxChannelBytes",
    { context: { seq: segment.index } },
  );
}
