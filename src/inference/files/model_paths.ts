/**
 * Where a model's bytes are on this disk, for a process that may read nothing else.
 *
 * @module
 */

import { readOnnxFile } from "../onnx/onnx_file.ts";
import { besideModel, sourceAddress } from "./model_address.ts";
import { cachedDownload, type CachedDownloadOptions } from "./model_cache.ts";

/**
 * The paths of a model's file and of the files of weights that it names. What is on the web is downloaded
 * to the cache. For a file that is missing or not a model, only its own path is given: loading it reports
 * the error. Throws as {@linkcode cachedDownload} does.
 */
export async function modelPaths(
  source: string | URL,
  options: CachedDownloadOptions = {},
): Promise<string[]> {
  const address = sourceAddress(source) ?? "";
  const path = await pathOf(address, options);
  const paths = [path];
  for (const name of await weightNames(path)) {
    const beside = besideModel(address, name);
    if (beside !== undefined) paths.push(await pathOf(beside, { ...options, sha256: undefined }));
  }
  return paths;
}

async function pathOf(address: string | URL, options: CachedDownloadOptions): Promise<string> {
  return typeof address === "string" ? address : await cachedDownload(address, options);
}

async function weightNames(path: string): Promise<ReadonlySet<string>> {
  try {
    const { externalTensors } = readOnnxFile(await Deno.readFile(path));
    return new Set(externalTensors.map(({ location }) => location));
  } catch {
    return new Set();
  }
}
