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
