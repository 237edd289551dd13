/**
 * The size that a stream's parameters ask for.
 *
 * @module
 */

import { ConfigError } from "../../base/mod.ts";
import { isPictureSide, MAX_PICTURE_SIDE } from "../../media/picture.ts";
import type { Size } from "../../media/rect.ts";
import type { StreamParams } from "../types.ts";

/** The smallest side that H.264 can have: chroma is a sample for two pixels. */
const MIN_SIDE = 2;
/** Blocks of 16x16 pixels in the largest picture of H.264, level 6.2 (its table A-1). */
const MAX_BLOCKS = 139_264;

/**
 * The size in `params.width` and `params.height`, if they are there. Throws a `ConfigError`
 * (`CONFIG_INVALID`) for one without the other, and for a size that no H.264 picture has.
 */
export function requestedSize({ width, height }: StreamParams): Size | undefined {
  if (width === undefined && height === undefined) return undefined;
  if (width === undefined || height === undefined) {
    const [given, missing] = width === undefined ? ["height", "width"] : ["width", "height"];
    throw invalid(`there is a ${given} without a ${missing}; give both`, { width, height });
  }
  if (!isSide(width) || !isSide(height)) {
    throw invalid(
      `it is ${width}x${height}; use whole numbers from ${MIN_SIDE} to ${MAX_PICTURE_SIDE}`,
      { width, height },
    );
  }
  const blocks = Math.ceil(width / 16) * Math.ceil(height / 16);
  if (blocks > MAX_BLOCKS) {
    const most = Math.floor(MAX_BLOCKS * 256 / 1e6);
    throw invalid(
      `${width}x${height} is more than H.264 can have; use ${most} million pixels or fewer`,
      { width, height },
    );
  }
  return { width, height };
}

function isSide(value: unknown): boolean {
  return isPictureSide(value) && value >= MIN_SIDE;
}

function invalid(reason: string, context: Record<string, unknown>): ConfigError {
  return new ConfigError(
    "CONFIG_INVALID",
    `Cannot give the stream its size: ${reason}`,
    { context },
  );
}
