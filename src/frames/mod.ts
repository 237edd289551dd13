/**
 * Decoded pictures and sound: `VideoFrame` and `AudioFrame`, pixel formats and their conversion,
 * tensors, and drawing. Raw bytes and times come in from the decoders; the same leave for the encoders.
 * Nothing here knows of ffmpeg or HTTP.
 *
 * @module
 */

export { Tensor, type TypedTensor } from "onnxruntime-common";
export type { Rational } from "../base/mod.ts";
export * from "./audio_frame.ts";
export { type ConvertOptions, convertPicture } from "./convert.ts";
export * from "./draw.ts";
export { drawOverlay } from "./draw_overlay.ts";
export { BLACK, type FilledRect, type Rgb, type Rgba, WHITE } from "./filled_rect.ts";
export type { FrameDevice, PictureFormat } from "./frame_pixels.ts";
export { imageFromTensor, imageToTensor, scalePicture } from "./image_tensor.ts";
export { type FrameCounts, frameCounts, onFrameLeak } from "./lease.ts";
export { loadingScreen, type LoadingScreenOptions } from "./loading_screen.ts";
export * from "../media/picture.ts";
export type { Rect } from "../media/rect.ts";
export {
  type Overlay,
  type OverlayBox,
  type OverlayColor,
  type OverlayFill,
  type OverlayItem,
  type OverlayProgress,
  overlayRects,
  type OverlayText,
} from "./overlay.ts";
export type { ReplaceTensorOptions } from "./replace_tensor.ts";
export * from "./stamp.ts";
export { type ImageShape, parseImageShape, pictureToTensor, tensorToPicture } from "./tensor.ts";
export { type DrawTextOptions, measureText } from "./text_rects.ts";
export { formatTime } from "./time.ts";
export * from "./video_frame.ts";
