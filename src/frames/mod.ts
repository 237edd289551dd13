/**
 * Decoded pictures and sound: `VideoFrame` and `AudioFrame`, pixel formats and their conversion,
 * tensors, and drawing. Raw bytes and times come in from the decoders; the same leave for the encoders.
 * This room does not know ffmpeg or HTTP.
 *
 * @module
 */

export { Tensor, type TypedTensor } from "onnxruntime-common";
export type { Rational } from "../base/mod.ts";
export * from "./audio_frame.ts";
export { type ConvertOptions, convertPicture } from "./convert/convert.ts";
export * from "./draw/draw.ts";
export { drawOverlay } from "./draw/overlay.ts";
export type { FrameDevice, PictureFormat } from "./video/frame_pixels.ts";
export {
  imageFromTensor,
  imageToTensor,
  rgbTensor,
  scalePicture,
  tensorToPicture,
} from "./convert/image_tensor.ts";
export { type FrameCounts, frameCounts, onFrameLeak } from "./video/lease.ts";
export { loadingScreen, type LoadingScreenOptions } from "./draw/loading_screen.ts";
export * from "../media/picture.ts";
export {
  BLACK,
  type FilledRect,
  type Rect,
  type Rgb,
  type Rgba,
  type Size,
  WHITE,
} from "../media/rect.ts";
export {
  type Overlay,
  type OverlayBox,
  type OverlayColor,
  type OverlayFill,
  type OverlayItem,
  type OverlayProgress,
  overlayRects,
  type OverlayText,
} from "./draw/overlay.ts";
export * from "./draw/stamp.ts";
export { type DrawTextOptions, measureText } from "./draw/text_rects.ts";
export { formatTime } from "./time.ts";
export * from "./video/video_frame.ts";
