/**
 * Files of a folder over HTTP: what is below its root and not hidden, and nothing else. Hono's `serveStatic`
 * answers neither ranges, which players of video ask for, nor conditions, and follows links out of the root.
 *
 * @module
 */

import { getMimeType } from "hono/utils/mime";
import { ConfigError, describeError } from "../../base/mod.ts";
import { failure } from "./responses.ts";
import type { FolderHandler } from "./route_table.ts";
import { parseRange, sliceFile } from "./static_range.ts";

/** A folder whose files are served. */
export interface StaticFolder {
  /** Path of the URL: `/static`; `/` serves the files where nothing else answers. */
  readonly path: string;
  /** The folder. */
  readonly root: string;
  /** File that stands for a folder; null for none. @default {"index.html"} */
  readonly index?: string | null;
  /** Content types by extension, such as `{ wgsl: "text/plain" }`, before the usual ones. */
  readonly types?: Readonly<Record<string, string>>;
  /** How long a client may use a file without asking, in seconds. @default {0} */
  readonly maxAge?: number;
}

interface FoundFile {
  readonly path: string;
  readonly size: number;
  readonly mtime: Date;
}

/** The path of a folder without a slash at its end. Throws a `ConfigError` for one that is none. */
export function folderPath({ path }: StaticFolder): string {
  if (/^\/[!-~]*$/.test(path) && !/[?#:*%]/.test(path)) return path.replace(/\/+$/, "");
  const found = `its path is ${JSON.stringify(path)}; write it as /static`;
  throw new ConfigError("CONFIG_INVALID", `Cannot serve a folder: ${found}`);
}

/** Serves a folder. Throws a `ConfigError` where there is none. */
export function folderHandler(folder: StaticFolder): FolderHandler {
  const root = realRoot(folder.root);
  return async (request, path) => {
    const found = await findFile(folder, root, path);
    if (found === "folder") return redirectToSlash(request);
    if (found !== undefined) return await answerFile(request, folder, found);
    const { pathname } = new URL(request.url);
    return failure(404, `Cannot find ${pathname}: there is no such file`);
  };
}

function realRoot(root: string): string {
  try {
    const path = Deno.realPathSync(root);
    if (Deno.statSync(path).isDirectory) return path;
  } catch (error) {
    throw noFolder(root, describeError(error), error);
  }
  throw noFolder(root, "it is a file");
}

function noFolder(root: string, reason: string, cause?: unknown): ConfigError {
  const message = `Cannot serve the folder ${JSON.stringify(root)}: ${reason}; name a folder`;
  return new ConfigError("CONFIG_INVALID", message, { cause, context: { root } });
}

/** The parts of a path, decoded; undefined where one could lead out of the root or is hidden. */
function safeParts(path: string): string[] | undefined {
  try {
    const parts = path.split("/").filter((part) => part !== "").map(decodeURIComponent);
    return parts.some((part) => /^\.|[/\\\0]/.test(part)) ? undefined : parts;
  } catch {
    return undefined; // a broken percent code
  }
}

async function findFile(
  folder: StaticFolder,
  root: string,
  path: string,
): Promise<FoundFile | "folder" | undefined> {
  const parts = safeParts(path);
  if (parts === undefined) return undefined;
  const found = await statBelow(root, parts);
  if (found?.info.isFile) return path.endsWith("/") ? undefined : fileOf(found);
  const { index = "index.html" } = folder;
  if (!found?.info.isDirectory || index === null) return undefined;
  const indexFile = await statBelow(root, [...parts, index]);
  if (!indexFile?.info.isFile) return undefined;
  return path.endsWith("/") ? fileOf(indexFile) : "folder";
}

/** Links are followed as long as they stay below the root and name nothing hidden. */
async function statBelow(
  root: string,
  parts: readonly string[],
): Promise<{ path: string; info: Deno.FileInfo } | undefined> {
  try {
    const path = await Deno.realPath([root, ...parts].join("/"));
    const rest = path.slice(root.length).split(/[/\\]/);
    const isBelow = path === root || path.startsWith(root) && (root === "/" || rest[0] === "");
    if (!isBelow || rest.some((part) => part.startsWith("."))) return undefined;
    return { path, info: await Deno.stat(path) };
  } catch {
    return undefined; // not there, not readable, or not a name that the file system takes: 404
  }
}

function fileOf({ path, info }: { path: string; info: Deno.FileInfo }): FoundFile {
  return { path, size: info.size, mtime: info.mtime ?? new Date(0) };
}

/** Links in a page are relative to its folder, which a path without the slash would lose. */
function redirectToSlash(request: Request): Response {
  const { pathname, search } = new URL(request.url);
  // Two slashes at the beginning would name another host.
  const location = `/${pathname.replace(/^\/+/, "")}/${search}`;
  return new Response(null, { status: 301, headers: { Location: location } });
}

async function answerFile(
  request: Request,
  folder: StaticFolder,
  file: FoundFile,
): Promise<Response> {
  const etag = `"${file.size.toString(16)}-${file.mtime.getTime().toString(16)}"`;
  const headers = new Headers({
    "Accept-Ranges": "bytes",
    "Cache-Control": folder.maxAge ? `public, max-age=${folder.maxAge}` : "no-cache",
    "Content-Type": typeOf(file.path, folder.types),
    "ETag": etag,
    "Last-Modified": file.mtime.toUTCString(),
    "X-Content-Type-Options": "nosniff",
  });
  if (isFresh(request, etag, file.mtime)) return new Response(null, { status: 304, headers });
  // RFC 9110 section 14.2: of GET alone.
  const asked = request.method === "GET" ? rangeHeader(request, etag, file.mtime) : null;
  const range = parseRange(asked, file.size);
  if (range === "unsatisfiable") {
    headers.set("Content-Range", `bytes */${file.size}`);
    return new Response(null, { status: 416, headers });
  }
  const { start, end } = range ?? { start: 0, end: file.size };
  headers.set("Content-Length", String(end - start));
  if (range !== undefined) headers.set("Content-Range", `bytes ${start}-${end - 1}/${file.size}`);
  const body = request.method === "HEAD" ? null : await sliceFile(file.path, start, end);
  return new Response(body, { status: range === undefined ? 200 : 206, headers });
}

function typeOf(path: string, types: Readonly<Record<string, string>> = {}): string {
  const extension = /\.([^./\\]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
  if (Object.hasOwn(types, extension)) return types[extension]!;
  return getMimeType(`x.${extension}`) ?? "application/octet-stream";
}

/** RFC 9110 section 13.2.2: the entity tag counts before the date. */
function isFresh(request: Request, etag: string, mtime: Date): boolean {
  const tags = request.headers.get("if-none-match");
  if (tags !== null) {
    const known = tags.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
    return known.includes(etag) || known.includes("*");
  }
  const since = Date.parse(request.headers.get("if-modified-since") ?? "");
  return Math.floor(mtime.getTime() / 1000) * 1000 <= since;
}

/** RFC 9110 section 13.1.5: a range of another version of the file is none. */
function rangeHeader(request: Request, etag: string, mtime: Date): string | null {
  const condition = request.headers.get("if-range");
  const isSame = condition === null || condition === etag || condition === mtime.toUTCString();
  return isSame ? request.headers.get("range") : null;
}
