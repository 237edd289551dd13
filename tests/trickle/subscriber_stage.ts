/**
 * A subscriber against a scripted server, on a clock that the test moves.
 *
 * @module
 */

import {
  type InputSegment,
  TrickleSubscriber,
  type TrickleSubscriberOptions,
} from "../../src/trickle/mod.ts";
import { ManualClock } from "./manual_clock.ts";
import { type ScriptedRequest, type ScriptedServer, withScript } from "./scripted_server.ts";
import { until } from "../waiting.ts";

/** The headers of an answer that says that the channel has ended. */
export const CLOSED = { "Lp-Trickle-Closed": "terminated" };

/** A subscriber whose segments are read as they come, as `seq:text` with a `+n` for n skipped. */
export class Reading implements AsyncDisposable {
  readonly subscriber: TrickleSubscriber;
  readonly seen: string[] = [];
  /** The last error that iterating threw. */
  error: unknown;
  readonly done: Promise<void>;

  constructor(server: ScriptedServer, options: TrickleSubscriberOptions) {
    this.subscriber = new TrickleSubscriber(server.url, options);
    this.done = this.#read();
  }

  async shows(...expected: string[]): Promise<void> {
    await until(
      () => JSON.stringify(this.seen) === JSON.stringify(expected),
      `segments ${expected}, so far ${this.seen}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.subscriber[Symbol.asyncDispose]();
    await this.done;
  }

  async #read(): Promise<void> {
    try {
      for await (const segment of this.subscriber) {
        this.seen.push(await textOf(segment));
      }
    } catch (error) {
      this.error = error;
    }
  }
}

/** A segment as `seq:text`, with `~` where its rest was lost, and `+n` for n skipped before it. */
export async function textOf(segment: InputSegment): Promise<string> {
  let text = "";
  for await (const bytes of segment.body) text += new TextDecoder().decode(bytes);
  if (segment.isTruncated === true) text += "~";
  return `${segment.seq}:${text}${segment.skipped > 0 ? `+${segment.skipped}` : ""}`;
}

/** A test with a scripted server and a subscriber that is read. */
export function scripted(
  name: string,
  options: TrickleSubscriberOptions,
  use: (server: ScriptedServer, reading: Reading, clock: ManualClock) => Promise<void>,
): void {
  Deno.test(name, () =>
    withScript(async (server) => {
      const clock = new ManualClock();
      await using reading = new Reading(server, { clock, ...options });
      await use(server, reading, clock);
    }));
}

/** Answers with a whole segment. */
export async function segment(request: ScriptedRequest, seq: number, body: string): Promise<void> {
  await request.answer({ headers: { "Lp-Trickle-Seq": seq }, body });
}

/** Answers 470. */
export async function missing(request: ScriptedRequest, latest?: number): Promise<void> {
  const headers = latest === undefined ? {} : { "Lp-Trickle-Latest": latest };
  await request.answer({ status: 470, headers });
}
