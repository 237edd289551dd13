/**
 * The bytes of a model and of the files beside it, wherever they come from.
 *
 * @module
 */

import { describeError, ModelError } from "../../base/errors.ts";
import { type DownloadProgress, sha256Hex } from "./download.ts";
import type { UrlPolicy } from "../../base/url_policy.ts";
import { besideModel, type ModelSource, sourceAddress } from "./model_address.ts";
import { cachedDownload, forgetDownload } from "./model_cache.ts";
import { type OnnxFile, readOnnxFile } from "../onnx/onnx_file.ts";

/** A file that a model keeps its weights in. */
export interface ExternalDataSource {
  /** The path by which the model names it. */
  readonly path: string;
  /** Where it is. */
  readonly source: ModelSource;
}

/** How files are found. */
export interface ModelFilesOptions {
  /** The model's name in messages. */
  readonly name: string;
  readonly externalData: readonly ExternalDataSource[];
  readonly sha256?: string | undefined;
  readonly cacheDir?: string | undefined;
  readonly urls?: UrlPolicy | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A model that was read. */
export interface ModelFiles {
  readonly bytes: Uint8Array;
  /** What the model's file says of itself; undefined for onnxruntime's own format. */
  readonly file: OnnxFile | undefined;
  readonly externalData: readonly { readonly path: string; readonly data: Uint8Array }[];
}

/**
 * The largest model file: while it is loaded, the runtime holds it, a parsed copy and the tensors made of
 * it in 4 GiB. Weights in files of their own do not count.
 */
const MAX_MODEL_BYTES = 768 * 2 ** 20;

/** The largest file of weights: more does not fit into one array. */
const MAX_DATA_BYTES = 4 * 2 ** 30;

/**
 * Reads a model and the files that it keeps its weights in: those of the options, else those beside it.
 * Throws a {@linkcode ModelError}: `MODEL_NOT_FOUND`, `MODEL_DOWNLOAD`, `MODEL_CHECKSUM`,
 * `MODEL_INVALID` for what is no ONNX file, or `MODEL_MEMORY` for what is too large.
 */
export async function readModelFiles(
  source: ModelSource,
  options: ModelFilesOptions,
): Promise<ModelFiles> {
  const bytes = await readSource(source, options, MAX_MODEL_BYTES);
  if (options.sha256 !== undefined) await checkSum(bytes, options.sha256, options.name);
  const file = parse(bytes, options.name);
  const externalData: { path: string; source: ModelSource; data: Uint8Array }[] = [];
  const dataOptions = { ...options, sha256: undefined };
  for (const path of externalPaths(file)) {
    const from = externalSource(source, path, options);
    const data = await readSource(from, dataOptions, MAX_DATA_BYTES);
    externalData.push({ path, source: from, data });
  }
  try {
    checkExternalSizes(file, externalData, options.name);
  } catch (error) {
    for (const { source: from } of externalData) await forgetModel(from, options);
    throw error;
  }
  return { bytes, file, externalData };
}

/** Deletes a downloaded file that is not a model, so that it is not used again. */
export async function forgetModel(
  source: ModelSource,
  options: Pick<ModelFilesOptions, "cacheDir">,
): Promise<void> {
  const address = sourceAddress(source);
  if (address instanceof URL) await forgetDownload(address, options);
}

async function readSource(
  source: ModelSource,
  options: ModelFilesOptions,
  maxBytes: number,
): Promise<Uint8Array> {
  const address = sourceAddress(source);
  if (address === undefined) return checkSize(source as Uint8Array, options.name, maxBytes);
  const path = typeof address === "string" ? address : await cachedDownload(address, options);
  try {
    const { size, isDirectory } = await Deno.stat(path);
    if (isDirectory) throw new Error("it is a folder");
    checkSize({ length: size }, options.name, maxBytes);
    return await Deno.readFile(
      path,
      options.signal === undefined ? {} : { signal: options.signal },
    );
  } catch (cause) {
    if (cause instanceof ModelError) throw cause;
    options.signal?.throwIfAborted();
    const why = cause instanceof Deno.errors.NotFound
      ? "there is no such file"
      : describeError(cause);
    throw new ModelError(
      "MODEL_NOT_FOUND",
      `Cannot load the model ${options.name}: cannot read ${path}: ${why}; check the path`,
      { cause, context: { path } },
    );
  }
}

function checkSize<Sized extends { readonly length: number }>(
  sized: Sized,
  name: string,
  maxBytes: number,
): Sized {
  if (sized.length <= maxBytes) return sized;
  const [has, takes] = [sized.length, maxBytes].map((bytes) => Math.ceil(bytes / 2 ** 20));
  throw new ModelError(
    "MODEL_MEMORY",
    `Cannot load the model ${name}: a file of it has ${has} MiB, and ${takes} MiB fit; ` +
      "keep the weights in files of their own (ONNX external data)",
    { context: { bytes: sized.length, maxBytes } },
  );
}

async function checkSum(bytes: Uint8Array, expected: string, name: string): Promise<void> {
  const actual = await sha256Hex(bytes);
  if (actual === expected.toLowerCase()) return;
  throw new ModelError(
    "MODEL_CHECKSUM",
    `Cannot load the model ${name}: its SHA-256 is ${actual}, not ${expected}; ` +
      "check that it is the right file",
    { context: { expected, actual } },
  );
}

function parse(bytes: Uint8Array, name: string): OnnxFile | undefined {
  if (isOrtFormat(bytes)) return undefined;
  try {
    return readOnnxFile(bytes);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ModelError(
      "MODEL_INVALID",
      `Cannot load the model ${name}: it is not an ONNX model, or truncated: ` +
        `${cause.message} (of ${bytes.length}); check the file`,
      { cause, context: { bytes: bytes.length } },
    );
  }
}

/** onnxruntime's own format is a flat buffer with this mark. */
function isOrtFormat(bytes: Uint8Array): boolean {
  return new TextDecoder().decode(bytes.subarray(4, 8)) === "ORTM";
}

function externalPaths(file: OnnxFile | undefined): string[] {
  return [...new Set(file?.externalTensors.map(({ location }) => location))];
}

/** The address of a file of weights. Paths that lead out of the model's folder are refused. */
function externalSource(
  source: ModelSource,
  path: string,
  { name, externalData }: ModelFilesOptions,
): ModelSource {
  const given = externalData.find((file) => file.path === path);
  if (given !== undefined) return given.source;
  const address = sourceAddress(source);
  const found = address === undefined ? undefined : besideModel(address, path);
  if (found !== undefined) return found;
  throw new ModelError(
    "MODEL_NOT_FOUND",
    `Cannot load the model ${name}: it keeps its weights in ${JSON.stringify(path)}, which ` +
      `${address === undefined ? "bytes have no folder for" : "lies outside its folder"}; ` +
      "give that file with the option externalData",
    { context: { path } },
  );
}

function checkExternalSizes(
  file: OnnxFile | undefined,
  externalData: ModelFiles["externalData"],
  name: string,
): void {
  const sizes = new Map(externalData.map(({ path, data }) => [path, data.length]));
  for (const tensor of file?.externalTensors ?? []) {
    const end = tensor.offset + (tensor.length ?? 0);
    const size = sizes.get(tensor.location) ?? 0;
    if (end <= size) continue;
    throw new ModelError(
      "MODEL_INVALID",
      `Cannot load the model ${name}: its weights "${tensor.name}" should end at byte ${end} of ` +
        `${tensor.location}, which has ${size}; get the whole file`,
      { context: { path: tensor.location, size } },
    );
  }
}
