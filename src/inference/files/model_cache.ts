/**
 * Models from the web, kept on disk: `RUNNEL_CACHE_DIR`, else `runnel` in the user's cache folder
 * (`XDG_CACHE_HOME`, `~/.cache`), one file for each URL. A file is there when it is whole: it is written
 * under another name and renamed, so two processes at once do no harm. It is kept until it is deleted.
 *
 * @module
 */

import { ModelError } from "../../base/errors.ts";
import { roomLogger } from "../../base/log.ts";
import { downloadFile, type DownloadOptions, sha256Hex, shownUrl } from "./download.ts";

/** How a download is cached. */
export interface CachedDownloadOptions extends DownloadOptions {
  /** The expected SHA-256 in hexadecimal, of a cached file too. @default none: not checked */
  readonly sha256?: string | undefined;
  /** The folder. @default RUNNEL_CACHE_DIR, or runnel in the user's cache folder */
  readonly cacheDir?: string | undefined;
}

/** Partial files older than this were left by a process that died. */
const STALE_MS = 24 * 3_600_000;

const PARTIAL_PREFIX = ".partial-";
const LOG = roomLogger("inference");

/**
 * The folder of models from the web. Throws a `ModelError` when the environment names no folder.
 */
export function defaultCacheDir(): string {
  const { env } = Deno;
  const own = env.get("RUNNEL_CACHE_DIR");
  if (own !== undefined && own !== "") return own;
  const home = env.get("HOME") ?? env.get("USERPROFILE");
  const base = env.get("XDG_CACHE_HOME") || env.get("LOCALAPPDATA") ||
    (home === undefined ? undefined : `${home}/.cache`);
  if (base !== undefined) return `${base}/runnel`;
  throw new ModelError(
    "MODEL_DOWNLOAD",
    "Cannot keep downloaded models: no home folder is known; set RUNNEL_CACHE_DIR",
  );
}

/**
 * The path of a URL's file in the cache; it is downloaded where it is not there. Throws a
 * {@linkcode ModelError}: `MODEL_NOT_FOUND` where the server has no such file, `MODEL_DOWNLOAD` where it
 * cannot be downloaded, `MODEL_CHECKSUM` when its checksum is wrong (then it is not kept).
 */
export async function cachedDownload(
  url: URL,
  options: CachedDownloadOptions = {},
): Promise<string> {
  const folder = options.cacheDir ?? defaultCacheDir();
  const path = `${folder}/${await cacheName(url)}`;
  if (await isCached(path, options.sha256)) return path;
  await Deno.mkdir(folder, { recursive: true });
  await removeStaleParts(folder);
  const part = await Deno.makeTempFile({ dir: folder, prefix: PARTIAL_PREFIX });
  try {
    const sha256 = await downloadFile(url, part, options);
    checkSum(url, { expected: options.sha256, actual: sha256 });
    await Deno.rename(part, path);
    return path;
  } catch (error) {
    await removeIfThere(part);
    throw error;
  }
}

/** Deletes a URL's file, which turned out to be unusable, from the cache. */
export async function forgetDownload(
  url: URL,
  options: Pick<CachedDownloadOptions, "cacheDir">,
): Promise<void> {
  await removeIfThere(`${options.cacheDir ?? defaultCacheDir()}/${await cacheName(url)}`);
}

/** A name that is unique to the URL and that a person recognizes. */
async function cacheName(url: URL): Promise<string> {
  const hash = await sha256Hex(new TextEncoder().encode(url.href));
  const last = url.pathname.split("/").findLast((part) => part !== "") ?? "";
  const readable = last.replace(/[^\w.-]+/g, "_").replace(/^\.+/, "").slice(-80) || "model";
  return `${hash.slice(0, 16)}-${readable}`;
}

async function isCached(path: string, sha256: string | undefined): Promise<boolean> {
  try {
    if (sha256 === undefined) return (await Deno.stat(path)).isFile;
    const actual = await sha256Hex(await Deno.readFile(path));
    if (actual === sha256.toLowerCase()) return true;
    LOG.warn("the cached {path} has another SHA-256 than asked for; it is downloaded anew", {
      path,
    });
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function checkSum(
  url: URL,
  { expected, actual }: { expected: string | undefined; actual: string },
): void {
  if (expected === undefined || expected.toLowerCase() === actual) return;
  throw new ModelError(
    "MODEL_CHECKSUM",
    `Cannot use ${
      shownUrl(url)
    }: its SHA-256 is ${actual}, not ${expected}; check URL and checksum`,
    { context: { expected, actual } },
  );
}

async function removeStaleParts(folder: string): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.startsWith(PARTIAL_PREFIX)) continue;
    const info = await statIfThere(`${folder}/${name}`);
    const age = Date.now() - (info?.mtime?.getTime() ?? Date.now());
    if (age > STALE_MS) await removeIfThere(`${folder}/${name}`);
  }
}

/** Another process may have been faster. */
async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function statIfThere(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
