/**
 * Pictures as the frames that a processor takes.
 *
 * @module
 */

import { MPEG_TIME_BASE } from "../../base/mod.ts";
import { scalePicture, VideoFrame } from "../../frames/mod.ts";
import type { DecodedVideo } from "../../media/codec/mod.ts";
import type { Size } from "../../media/rect.ts";
import type { PixelFormat } from "../../media/types.ts";

/** The frame in the size and layout that the processor takes, in CPU memory. */
export async function inFormat(
  frame: VideoFrame,
  wanted: { readonly pixelFormat: PixelFormat; readonly size: Size | undefined },
): Promise<VideoFrame> {
  const { pixelFormat, size = frame } = wanted;
  if (frame.location === "gpu") await frame.to("cpu");
  const isItsSize = frame.width === size.width && frame.height === size.height;
  if (isItsSize && frame.pixelFormat === pixelFormat) return frame;
  using other = frame;
  if (isItsSize) return other.convert(pixelFormat);
  const { width, height } = size;
  using scaled = other.replaceData(scalePicture(other, { width, height, fit: "cover" }));
  return scaled.convert(pixelFormat);
}

/** A decoded picture as a frame. */
export function toFrame(decoded: DecodedVideo): VideoFrame {
  const { pixelFormat, data, width, height, ptsTicks, color, sampleAspect, release } = decoded;
  return new VideoFrame({
    pixelFormat,
    data,
    width,
    height,
    ptsTicks,
    color,
    sampleAspect,
    timeBase: MPEG_TIME_BASE,
    release,
  });
}
