/**
 * What every source gives, and descriptions of it that are complete before the first packet.
 *
 * @module
 */

import type { TsEvent } from "../media/mpegts/mod.ts";

/**
 * Descriptions of streams and the packets that follow them, in 90 kHz ticks: what an MPEG-TS
 * demuxer gives, whether or not the source is one.
 */
export type MediaEvent = TsEvent;

type StreamsEvent = Extract<MediaEvent, { kind: "streams" }>;

/** The most events held back: some seconds of video. Its audio should begin within a second. */
const MAX_HELD_EVENTS = 256;

/**
 * Holds packets back until each stream that is announced is described: a demuxer knows the audio
 * only when it met its first frame, and a muxer must know it before the first packet. Audio that
 * does not come for a few seconds is left out of the description until it does.
 */
export async function* knownStreams(
  events: AsyncIterable<MediaEvent>,
): AsyncGenerator<MediaEvent> {
  const held: MediaEvent[] = [];
  let waiting = true;
  for await (const event of events) {
    if (event.kind === "streams" && isDescribed(event)) {
      waiting = false;
      yield event;
      // Earlier descriptions of the streams are outdated.
      yield* held.splice(0).filter(({ kind }) => kind !== "streams");
    } else if (waiting && held.length < MAX_HELD_EVENTS) {
      held.push(event);
    } else {
      waiting = false;
      yield* held.splice(0).map(withoutUnknown);
      yield withoutUnknown(event);
    }
  }
  yield* held.map(withoutUnknown);
}

function isDescribed({ audio }: StreamsEvent): boolean {
  return audio === undefined || audio.sampleRate > 0;
}

function withoutUnknown(event: MediaEvent): MediaEvent {
  if (event.kind !== "streams" || isDescribed(event)) return event;
  const { audio: _audio, ...known } = event;
  return known;
}
