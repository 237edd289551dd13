/**
 * Where requests may lead that somebody else asks for: a worker stands in a network that its clients
 * should not see.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { ConfigError, describeError } from "../errors.ts";
import { roomLogger } from "../log.ts";

const log = roomLogger("base");

/** Finds the addresses of a host name. Rejects where it has none. */
export type HostLookup = (hostname: string) => Promise<readonly string[]>;

/** Which URLs may be asked, as data that can be copied. */
export interface UrlRules {
  /**
   * Host names (`*` stands for any part of one), addresses and networks (`10.0.0.0/8`), each with a port or
   * without. @default everything but link-local and metadata addresses
   */
  readonly allow?: readonly string[] | undefined;
}

/** Options of a {@linkcode UrlPolicy}. */
export interface UrlPolicyOptions extends UrlRules {
  /** Finds addresses. @default as the system does */
  readonly lookup?: HostLookup;
}

/** Addresses that tell what a machine is and hold its keys: the cloud's metadata services. */
const SECRET_NETWORKS: readonly string[] = [
  "169.254.0.0/16",
  "fe80::/10",
  "100.100.100.200/32",
  "192.0.0.192/32",
  "fd00:ec2::254/128",
  "64:ff9b::a9fe:0/112", // link-local behind NAT64
];

/** One thing that is allowed. */
interface Rule {
  readonly port: string | undefined;
  /** A host name, with `*` for any part. */
  readonly name?: RegExp;
  readonly network?: BlockList;
}

/** Decides by a URL's host, port and addresses. */
export class UrlPolicy {
  readonly #rules: readonly Rule[] | undefined;
  readonly #secret = networks(SECRET_NETWORKS);
  readonly #lookup: HostLookup;

  /** Throws a `ConfigError` for a rule that is none. */
  constructor({ allow, lookup: find = systemLookup }: UrlPolicyOptions = {}) {
    this.#rules = allow?.map(parseRule);
    this.#lookup = find;
  }

  /**
   * Whether a URL may be asked. A name is looked up, and all of its addresses must be allowed; one that
   * has none may be asked where its name is allowed, and fails then. Never rejects.
   */
  async allows(url: string | URL): Promise<boolean> {
    return await this.addressesFor(url) !== undefined;
  }

  /**
   * The addresses that a URL may be asked at, as they are now; undefined where it may not be asked, and
   * none where its name is allowed and has no address. Never rejects.
   */
  async addressesFor(url: string | URL): Promise<readonly string[] | undefined> {
    const { host, rules, isNamed } = this.#rulesFor(url);
    const addresses = isIP(host) > 0 ? [host] : await this.#addressesOf(host);
    if (addresses.length === 0) return isNamed ? [] : undefined;
    const areAllowed = addresses.every((address) => this.#allowsAt(address, rules, isNamed));
    return areAllowed ? addresses : undefined;
  }

  /** Whether a URL may be asked at this address: what its host meant when the connection was made. */
  allowsAt(url: string | URL, address: string): boolean {
    const { rules, isNamed } = this.#rulesFor(url);
    return this.#allowsAt(address.replace(/%.*$/, ""), rules, isNamed);
  }

  #rulesFor(
    url: string | URL,
  ): { host: string; rules: readonly Rule[] | undefined; isNamed: boolean } {
    const { port, protocol } = new URL(url);
    const host = hostOf(url);
    const portOf = port === "" ? { "http:": "80", "https:": "443" }[protocol] ?? "" : port;
    const rules = this.#rules?.filter((rule) => rule.port === undefined || rule.port === portOf);
    return { host, rules, isNamed: rules?.some(({ name }) => name?.test(host)) ?? true };
  }

  #allowsAt(address: string, rules: readonly Rule[] | undefined, isNamed: boolean): boolean {
    if (rules?.some(({ network }) => network !== undefined && holds(network, address))) return true;
    return isNamed && !holds(this.#secret, address);
  }

  async #addressesOf(host: string): Promise<readonly string[]> {
    try {
      return await this.#lookup(host);
    } catch (error) {
      log.debug("{host} has no address: {reason}", { host, reason: describeError(error) });
      return [];
    }
  }
}

/** The host of a URL: a name, or an address without brackets. */
export function hostOf(url: string | URL): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
}

/** Whether a URL names an address, which nobody has to look up. */
export function isAddress(url: string | URL): boolean {
  return isIP(hostOf(url)) > 0;
}

async function systemLookup(hostname: string): Promise<string[]> {
  return (await lookup(hostname, { all: true })).map(({ address }) => address);
}

function parseRule(text: string): Rule {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)|([0-9a-f:.]+(?:\/\d+)?))(?::(\d{1,5}))?$/i.exec(text);
  const host = match?.[1] ?? match?.[2] ?? match?.[3];
  if (host === undefined) throw invalid(text);
  const port = match?.[4];
  const [address = "", prefix] = host.split("/");
  if (isIP(address) > 0) return { port, network: networks([host], text) };
  if (prefix !== undefined || !/^[\w.*-]+$/.test(host)) throw invalid(text);
  const pattern = host.toLowerCase().split("*").map((part) => part.replaceAll(".", "\\."));
  return { port, name: new RegExp(`^${pattern.join(".*")}$`) };
}

function networks(list: readonly string[], rule = ""): BlockList {
  const all = new BlockList();
  for (const network of list) {
    const [address = "", prefix] = network.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    const bits = prefix === undefined ? (family === "ipv6" ? 128 : 32) : Number(prefix);
    if (!Number.isInteger(bits) || bits > (family === "ipv6" ? 128 : 32)) throw invalid(rule);
    if (bits === 0) all.addSubnet(family === "ipv6" ? "::" : "0.0.0.0", 0, family);
    else all.addSubnet(address, bits, family);
  }
  return all;
}

function holds(network: BlockList, address: string): boolean {
  return network.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

function invalid(rule: string): ConfigError {
  return new ConfigError(
    "CONFIG_INVALID",
    `Cannot allow URLs of ${JSON.stringify(rule)}: give a host (*.example.com), an address or a ` +
      "network (10.0.0.0/8), with a port or without",
    { context: { rule } },
  );
}
