/**
 * The GPU: one shared WebGPU device, pools of its buffers, conversion between pictures and tensors,
 * shaders on pictures. Bytes and buffers come in and out; what a frame is, is not known here.
 *
 * @module
 */

export {};
