/**
 * What every source gives.
 *
 * @module
 */

import type { TsEvent } from "../media/mpegts/mod.ts";

/**
 * Descriptions of streams and the packets that follow them, in 90 kHz ticks: what an MPEG-TS
 * demuxer gives, whether or not the source is one.
 */
export type MediaEvent = TsEvent;

/** Ticks of the packets' clock a second. */
export const TICKS_PER_SECOND = 90_000;
