/**
 * ONNX models: onnxruntime sessions on the shared GPU device or on the CPU, and processors made of
 * them.
 *
 * @module
 */

export {};
