/**
 * What web pages may change on a server that needs no cookies: nothing, but for pages of the server itself
 * and those that are named.
 *
 * A browser sends a page's simple POST to any address, also of the page's own machine and network, and names
 * the page in `Origin` (Fetch, section 3.2). A page whose host name was pointed at this server after it was
 * loaded (DNS rebinding) has this server's origin, but a `Host` that is not ours. Other clients send neither
 * `Origin` nor `Sec-Fetch-*`: what they put into `Host` does not matter.
 *
 * @module
 */

/** Which pages may send requests that change something. */
export interface PageRules {
  /** Origins such as `https://app.example`; "*" for all. */
  readonly allowOrigins: "*" | readonly string[];
  /** Host names that this server is reached by from pages, without a port. */
  readonly allowHosts: readonly string[];
  /** Whether a page has what it cannot guess, such as a token: then `Host` does not matter. */
  readonly hasSecret: boolean;
  /**
   * Header that a proxy in front of this server adds, which answers for the pages: with it `Origin` does not
   * matter. No page of another host can add it, since the browser would ask first.
   */
  readonly proxyHeader?: string | undefined;
}

/** Why a request of a page is refused. */
export interface PageProblem {
  readonly status: 403 | 421;
  /** Continues "Cannot POST /path: ". */
  readonly reason: string;
}

/** Methods that change nothing. */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** Ends of names that nobody can register, so that no page is loaded from them. */
const PRIVATE_SUFFIXES = [".localhost", ".local", ".internal", ".svc", ".home.arpa", ".test"];

/** Longest text of a header in a message. */
const MAX_SHOWN = 100;

/** Whether a browser sent a request for a page. */
export function isOfPage({ headers }: Request): boolean {
  return headers.has("origin") || headers.has("sec-fetch-site") || headers.has("sec-fetch-mode");
}

/** Why a request may not change anything; undefined where it may, or changes nothing. */
export function pageProblem(request: Request, rules: PageRules): PageProblem | undefined {
  const upgrades = request.headers.has("upgrade");
  if (SAFE_METHODS.has(request.method) && !upgrades || !isOfPage(request)) return undefined;
  const { allowOrigins, hasSecret } = rules;
  const origin = request.headers.get("origin") ?? "null";
  const host = request.headers.get("host") ?? URL.parse(request.url)?.host ?? "";
  if (allowOrigins === "*" || allowOrigins.includes("*") || allowOrigins.includes(origin)) {
    return undefined;
  }
  const site = request.headers.get("sec-fetch-site");
  const isOwn = request.headers.has("origin") ? hasHost(origin, host) : site === "same-origin";
  const isProxied = rules.proxyHeader !== undefined && request.headers.has(rules.proxyHeader);
  if (!isOwn && !isProxied) {
    return { status: 403, reason: `pages of ${show(origin)} may not; allow them by name` };
  }
  if (hasSecret || isKnownHost(host, rules.allowHosts)) return undefined;
  return { status: 421, reason: `this server is not known as ${show(host)}; allow that host` };
}

/** Whether the host of an origin is that of a `Host` header; a port that is the scheme's own may be missing. */
function hasHost(origin: string, host: string): boolean {
  const url = URL.parse(origin);
  return url !== null && url.host !== "" &&
    url.host === URL.parse(`${url.protocol}//${host}`)?.host;
}

/** Whether a name cannot be that of a page that was loaded from elsewhere. */
function isKnownHost(host: string, allowed: readonly string[]): boolean {
  const name = URL.parse(`http://${host}`)?.hostname.replace(/\.$/, "");
  if (name === undefined) return false;
  const isAddress = name.startsWith("[") || /^\d+(\.\d+){3}$/.test(name);
  if (isAddress || !name.includes(".")) return true;
  if (PRIVATE_SUFFIXES.some((suffix) => name.endsWith(suffix))) return true;
  return allowed.some((each) => each.toLowerCase() === name);
}

function show(text: string): string {
  return JSON.stringify(text.slice(0, MAX_SHOWN));
}
