/**
 * A publisher against a scripted server, on a clock that the test moves.
 *
 * @module
 */

import {
  type SegmentWriter,
  TricklePublisher,
  type TricklePublisherOptions,
} from "../../src/trickle/mod.ts";
import { ManualClock } from "./manual_clock.ts";
import { type ScriptedRequest, type ScriptedServer, withScript } from "./scripted_server.ts";

const encoder = new TextEncoder();
/** The header of an answer to a POST whose body was not read. */
export const EARLY = { "Connection": "close" };
/** The headers of an answer that says that the channel has ended. */
export const CLOSED = { "Lp-Trickle-Closed": "terminated", "Connection": "close" };

/** Text as bytes. */
export function bytes(text: string): Uint8Array {
  return encoder.encode(text);
}

/** What a test of the publisher plays with. */
export interface Stage {
  readonly server: ScriptedServer;
  readonly publisher: TricklePublisher;
  readonly clock: ManualClock;
}

/**
 * A publisher that does not own its channel, so that it ends without a word, unless said otherwise.
 */
export function scripted(
  name: string,
  options: TricklePublisherOptions,
  use: (stage: Stage) => Promise<void>,
): void {
  Deno.test(name, () =>
    withScript(async (server) => {
      const clock = new ManualClock();
      const publisher = new TricklePublisher(server.url, { clock, ownsChannel: false, ...options });
      try {
        await use({ server, publisher, clock });
      } finally {
        await clock.passUntil(publisher.close());
      }
    }));
}

/** Takes the next writer, with the request of its segment and of the one ahead. */
export async function begin(
  stage: Stage,
  seq: number,
): Promise<[SegmentWriter, ScriptedRequest, ScriptedRequest]> {
  const writer = await stage.publisher.next();
  const [post, ahead] = await stage.server.some(`POST /c/${seq}`, `POST /c/${seq + 1}`);
  return [writer, post!, ahead!];
}

/** Answers a whole segment as stored. */
export async function store(request: ScriptedRequest, seq?: number): Promise<void> {
  await request.finished();
  await request.answer(seq === undefined ? {} : { headers: { "Lp-Trickle-Seq": seq } });
}
