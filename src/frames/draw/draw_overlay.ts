/**
 * Drawing an overlay on a frame, in the memory that the frame is in.
 *
 * @module
 */

import { drawRects } from "../../gpu/mod.ts";
import { fillRects } from "./draw.ts";
import { type Overlay, overlayRects } from "./overlay.ts";
import type { VideoFrame } from "../video/video_frame.ts";

/**
 * Draws an overlay and gives the frame that shows it. In CPU memory that is the frame itself, drawn
 * on in place. On the GPU it is a new one, `rgba`, with this frame's time and metadata: other
 * frames may share the pixels of this one, which stays as it is and is still to be closed.
 *
 * Throws what {@linkcode overlayRects} does, a `TypeError` on a closed frame, and a `GpuError` when
 * the frame's device is lost or out of memory; nothing is drawn then.
 *
 * ```ts
 * import { drawOverlay } from "./draw_overlay.ts";
 * import type { VideoFrame } from "../video/video_frame.ts";
 *
 * function mark(frame: VideoFrame): VideoFrame {
 *   return drawOverlay(frame, [
 *     { kind: "box", x: 40, y: 30, width: 120, height: 80, color: [0, 255, 0], label: "cat 97%" },
 *     { kind: "text", text: "live", x: 8, y: 8, background: [0, 0, 0, 128] },
 *   ]);
 * }
 * ```
 */
export function drawOverlay(frame: VideoFrame, overlay: Overlay): VideoFrame {
  const rects = overlayRects(overlay);
  if (frame.location === "cpu") {
    const { pixelFormat, data, width, height, color } = frame;
    fillRects({ pixelFormat, data, width, height, color }, rects);
    return frame;
  }
  if (rects.length === 0) return frame.share();
  const drawn = frame.convert("rgba");
  try {
    drawRects(drawn.gpu, drawn.gpuPicture, rects);
    return drawn;
  } catch (error) {
    drawn.close();
    throw error;
  }
}
