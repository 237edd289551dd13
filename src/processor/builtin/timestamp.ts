/**
 * The built-in processor `timestamp`.
 *
 * @module
 */

import { ticksToSeconds } from "../../base/mod.ts";
import { BLACK, drawText, formatTime, type VideoFrame, WHITE } from "../../frames/mod.ts";
import { FrameProcessor } from "../frame_processor.ts";

/** The text is about this part of the picture's width: twelve letters of six dots. */
const DOTS_PER_PICTURE_WIDTH = 240;

/** Burns the frame's presentation time in, as `HH:MM:SS.mmm` at the top left. */
export class Timestamp extends FrameProcessor {
  /** Draws the time into the frame. */
  override processVideo(frame: VideoFrame): VideoFrame {
    const scale = Math.max(1, Math.floor(frame.width / DOTS_PER_PICTURE_WIDTH));
    const time = formatTime(ticksToSeconds(frame.timestamp, frame.timeBase));
    const margin = 4 * scale;
    drawText(frame, time, { x: margin, y: margin, scale, color: WHITE, background: BLACK });
    return frame;
  }
}
