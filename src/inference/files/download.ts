/**
 * Downloads one file to the disk: the whole file, or an error that says why not.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { systemClock } from "../../base/clock.ts";
import { describeError, ModelError } from "../../base/errors.ts";
import { roomLogger } from "../../base/log.ts";
import { pause } from "../../base/pause.ts";
import { boundFetch } from "../../base/net/bound_fetch.ts";
import { UrlPolicy } from "../../base/url_policy.ts";

/** The progress of a download. */
export interface DownloadProgress {
  /** Bytes that arrived. */
  readonly loadedBytes: number;
  /** Bytes that will; undefined where the server does not say. */
  readonly totalBytes: number | undefined;
  /** The last part of the URL. */
  readonly file: string;
}

/** How a file is downloaded. */
export interface DownloadOptions {
  /** Called as bytes arrive. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** Ends the download. */
  readonly signal?: AbortSignal | undefined;
  /** Pauses before the second and later attempts, in milliseconds. @default [250, 1000, 3000] */
  readonly retryDelaysMs?: readonly number[] | undefined;
  /** A server that sends nothing for this long is given up, in milliseconds. @default 30000 */
  readonly stallMs?: number | undefined;
  /** Where the URL and its redirects may lead. @default everywhere but to metadata addresses */
  readonly urls?: UrlPolicy | undefined;
}

const RETRY_DELAYS_MS: readonly number[] = [250, 1_000, 3_000];
const STALL_MS = 30_000;

/** Model hosts redirect two or three times, from the model's page to a file on a nearby server. */
const MAX_REDIRECTS = 5;

/** The largest download: a server that sends forever must not fill the disk. */
const MAX_BYTES = 16 * 2 ** 30;

const LOG = roomLogger("inference");

/** A failure that may not occur again on another attempt. */
class TransientFailure extends Error {}

/**
 * Writes what a URL gives to a file, and resolves to its SHA-256 in hexadecimal. Attempts that the network or
 * the server (5xx, 408, 429) fail are repeated. Throws a {@linkcode ModelError}: `MODEL_NOT_FOUND`
 * for 404 and 410, else `MODEL_DOWNLOAD`; the signal's reason when it aborts.
 */
export async function downloadFile(
  url: URL,
  path: string,
  options: DownloadOptions = {},
): Promise<string> {
  const { signal, retryDelaysMs = RETRY_DELAYS_MS } = options;
  for (let attempt = 0;; attempt++) {
    signal?.throwIfAborted();
    try {
      return await attemptDownload(url, path, options);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ModelError) throw error;
      const delayMs = retryDelaysMs[attempt];
      if (!isTransient(error) || delayMs === undefined) throw downloadError(url, error);
      LOG.warn("downloading {url} failed: {error}; trying again", {
        url: shownUrl(url),
        error: describeError(error),
      });
      await pause(delayMs, signal);
    }
  }
}

/** A URL as it may be shown: credentials and queries may hold secrets. */
export function shownUrl(url: URL): string {
  return url.origin + url.pathname;
}

async function attemptDownload(
  url: URL,
  path: string,
  { onProgress, signal, stallMs = STALL_MS, urls = new UrlPolicy() }: DownloadOptions,
): Promise<string> {
  using stall = new StallTimer(stallMs);
  using connections = new DisposableStack();
  const response = await follow(url, {
    urls,
    connections,
    signal: signal === undefined ? stall.signal : AbortSignal.any([signal, stall.signal]),
  });
  const body = await checkResponse(url, response);
  const totalBytes = contentLength(response);
  const file = url.pathname.split("/").findLast((part) => part !== "") ?? url.host;
  const hash = createHash("sha256");
  let loadedBytes = 0;
  using output = await Deno.open(path, { write: true, truncate: true });
  onProgress?.({ loadedBytes, totalBytes, file });
  for await (const chunk of body) {
    stall.restart();
    loadedBytes += chunk.length;
    if (loadedBytes > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`);
    hash.update(chunk);
    await writeAll(output, chunk);
    onProgress?.({ loadedBytes, totalBytes, file });
  }
  if (totalBytes !== undefined && loadedBytes !== totalBytes) {
    throw new TransientFailure(`it ended after ${loadedBytes} of ${totalBytes} bytes`);
  }
  if (loadedBytes === 0) throw new TransientFailure("it is empty");
  await output.sync();
  return hash.digest("hex");
}

interface FollowOptions {
  readonly urls: UrlPolicy;
  readonly signal: AbortSignal;
  readonly connections: DisposableStack;
}

/** Follows redirects, which the server chooses, as far as the policy allows. */
async function follow(
  url: URL,
  { urls, signal, connections }: FollowOptions,
): Promise<Response> {
  let addresses = await urls.addressesFor(url);
  if (addresses === undefined) {
    throw new Error("its host is not one that models are taken from; see allowUrls (--allow-urls)");
  }
  for (let address = url, hops = 0;; hops++) {
    const response = await boundFetch(address, {
      addresses,
      owner: connections,
      headers: { "accept-encoding": "identity" },
      redirect: "manual",
      signal,
    });
    const location = response.headers.get("location");
    if (location === null || ![301, 302, 303, 307, 308].includes(response.status)) return response;
    await response.body?.cancel();
    if (hops === MAX_REDIRECTS) throw new Error(`it redirects more than ${MAX_REDIRECTS} times`);
    const next = URL.parse(location, address);
    const isWeb = next?.protocol === "https:" ||
      next?.protocol === "http:" && address.protocol === "http:";
    addresses = next === null || !isWeb ? undefined : await urls.addressesFor(next);
    if (next === null || addresses === undefined) {
      throw new Error("it redirects to an address that models are not taken from");
    }
    address = next;
  }
}

async function checkResponse(
  url: URL,
  response: Response,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const { status, statusText, body } = response;
  if (response.ok && body !== null) return body;
  await body?.cancel();
  const answer = `the server answered ${status} ${statusText}`.trim();
  if (status >= 500 || status === 408 || status === 429) throw new TransientFailure(answer);
  throw new ModelError(
    status === 404 || status === 410 ? "MODEL_NOT_FOUND" : "MODEL_DOWNLOAD",
    `Cannot download ${shownUrl(url)}: ${answer}; check the URL`,
    { context: { url: shownUrl(url), status } },
  );
}

/** The size that the server gives; it is valid only without a content encoding. */
function contentLength({ headers }: Response): number | undefined {
  if (headers.has("content-encoding")) return undefined;
  const length = headers.get("content-length");
  return length === null || !/^\d+$/.test(length) ? undefined : Number(length);
}

async function writeAll(output: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await output.write(bytes.subarray(at));
}

/** `fetch` throws a `TypeError` for every network error; a stall aborts with our own error. */
function isTransient(error: unknown): boolean {
  return error instanceof TransientFailure || error instanceof TypeError ||
    error instanceof DOMException || error instanceof Deno.errors.Http ||
    error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.UnexpectedEof;
}

function downloadError(url: URL, cause: unknown): ModelError {
  return new ModelError(
    "MODEL_DOWNLOAD",
    `Cannot download ${shownUrl(url)}: ${describeError(cause)}; ` +
      "check the network, or download it yourself and give its path",
    { cause, context: { url: shownUrl(url) } },
  );
}

/** Aborts when nothing has happened for a time. */
class StallTimer implements Disposable {
  readonly #controller = new AbortController();
  readonly #limitMs: number;
  #cancel = (): void => {};

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
    this.restart();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(): void {
    this.#cancel();
    const reason = `nothing arrived for ${this.#limitMs / 1000} seconds`;
    this.#cancel = systemClock.schedule(
      this.#limitMs,
      () => this.#controller.abort(new TransientFailure(reason)),
    );
  }

  [Symbol.dispose](): void {
    this.#cancel();
  }
}

/** The SHA-256 of some bytes, in lower-case hexadecimal. */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return new Uint8Array(digest).toHex();
}
