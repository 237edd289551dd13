/**
 * Whose an error is that nobody caught.
 *
 * @module
 */

/** Where the modules of Runnel are. */
const OWN = new URL("..", import.meta.url).href;

/** Code that belongs to nobody: the runtime and packages, which are called by all. */
const NEUTRAL =
  /^(?:ext:|node:|deno:|checkin:|https:\/\/jsr\.io\/@std\/)|\/npm\/registry\.npmjs\.org\/|\/node_modules\//;

/** The place in a line of a stack, without line and column. */
const PLACE = /\(?((?:file|https?|data|blob|ext|node|deno):[^\s)]*?)(?::\d+)*\)?$/;

/**
 * Whether an error comes of Runnel alone: its stack goes through Runnel's modules, and through no module of
 * somebody else. `own` is where Runnel's modules are.
 */
export function isOfRunnelAlone(error: unknown, own: string = OWN): boolean {
  if (!(error instanceof Error)) return false;
  let isThroughUs = false;
  for (const line of (error.stack ?? "").split("\n")) {
    if (!/^\s+at /.test(line)) continue;
    const place = PLACE.exec(line)?.[1];
    if (place === undefined) continue;
    if (place.startsWith(own)) isThroughUs = true;
    else if (!NEUTRAL.test(place)) return false;
  }
  return isThroughUs;
}
