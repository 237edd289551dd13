/**
 * What users write: frame processors. Frames come in and go out; this room does not know where they come
 * from and where they go.
 *
 * @module
 */

export type { Logger } from "../base/mod.ts";
export type { PixelShaderOptions, ShaderParam, ShaderParams } from "../gpu/mod.ts";
export * from "./define_processor.ts";
export { defineShader, type ShaderDefinition } from "./define_shader.ts";
export * from "./frame_processor.ts";
export * from "./guard.ts";
export * from "./load_processor.ts";
export { isFrameProcessor, type ProcessorSource, resolveProcessor } from "./resolve_processor.ts";
