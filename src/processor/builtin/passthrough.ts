/**
 * The built-in processor `passthrough`.
 *
 * @module
 */

import { FrameProcessor } from "../frame_processor.ts";

/** Hands every frame on as it came. */
export class Passthrough extends FrameProcessor {}
