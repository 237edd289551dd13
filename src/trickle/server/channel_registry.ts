/**
 * The channels of a server by name, with the limit on their number, the idle sweep (TRICKLE.md
 * section 6.13) and the change feed (section 6.14).
 *
 * @module
 */

import { Channel, type ChannelContext } from "./channel.ts";
import { ChangeFeed } from "./change_feed.ts";
import type { Clock } from "../clock.ts";
import type { ClientId } from "./access/memory_pool.ts";

/** Options of a {@linkcode ChannelRegistry}. */
export interface ChannelRegistryOptions {
  readonly context: ChannelContext;
  readonly clock: Clock;
  /** Channels without a write for longer are closed. */
  readonly idleTimeoutMs: number;
  /** How often that is looked at. */
  readonly sweepIntervalMs: number;
  /** Whether `_changes` exists. */
  readonly changeFeed: boolean;
}

/** Whether a name is kept for the server itself: such channels are never swept (Q13). */
export function isReservedName(name: string): boolean {
  return name.startsWith("_");
}

/** All channels of one server. */
export class ChannelRegistry implements Disposable {
  readonly #options: ChannelRegistryOptions;
  readonly #channels = new Map<string, Channel>();
  readonly #feed: ChangeFeed | undefined;
  /** Who created which channels; those of no client are not in here. */
  readonly #creators = new Map<string, string>();
  /** How many each of them has. */
  readonly #created = new Map<string, number>();
  #cancelSweep: (() => void) | undefined;
  #disposed = false;

  /** Creates a registry; with the change feed it holds `_changes` already. */
  constructor(options: ChannelRegistryOptions) {
    this.#options = options;
    if (options.changeFeed) {
      this.#feed = new ChangeFeed(options.context);
      this.#channels.set(this.#feed.channel.name, this.#feed.channel);
    }
  }

  /** The names of the channels that exist, without reserved ones. */
  get names(): string[] {
    return [...this.#channels.keys()].filter((name) => !isReservedName(name));
  }

  /** Whether one more channel would be too many. */
  get full(): boolean {
    const reserved = this.#feed === undefined ? 0 : 1;
    return this.#channels.size - reserved >= this.#options.context.limits.maxChannels;
  }

  /** The channel of this name. */
  get(name: string): Channel | undefined {
    return this.#channels.get(name);
  }

  /** Whether one more channel of this client would be too many. */
  isFullFor(client: ClientId): boolean {
    if (client === undefined) return false;
    const own = this.#created.get(client) ?? 0;
    return own >= this.#options.context.limits.maxChannelsPerClient;
  }

  /** Creates a channel that does not exist yet. The caller has checked `full` and `isFullFor`. */
  create(name: string, mime: string, client?: ClientId): Channel {
    const channel = new Channel(name, mime, this.#options.context);
    this.#channels.set(name, channel);
    if (client !== undefined) {
      this.#creators.set(name, client);
      this.#created.set(client, (this.#created.get(client) ?? 0) + 1);
    }
    this.#feed?.announce({ added: [name] });
    this.#scheduleSweep();
    return channel;
  }

  /** Closes channels. The names are free at once; those that do not exist are ignored. */
  close(names: readonly string[]): void {
    const removed = names.filter((name) => this.#channels.has(name));
    for (const name of removed) {
      this.#channels.get(name)?.[Symbol.dispose]();
      this.#channels.delete(name);
      this.#forgetCreator(name);
    }
    if (removed.length > 0) this.#feed?.announce({ removed });
  }

  /** Closes every channel, without announcing it. Idempotent. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    for (const channel of this.#channels.values()) channel[Symbol.dispose]();
    this.#channels.clear();
    this.#creators.clear();
    this.#created.clear();
  }

  #forgetCreator(name: string): void {
    const client = this.#creators.get(name);
    if (client === undefined) return;
    this.#creators.delete(name);
    const own = (this.#created.get(client) ?? 0) - 1;
    if (own > 0) this.#created.set(client, own);
    else this.#created.delete(client);
  }

  #sweep(): void {
    const { clock, idleTimeoutMs } = this.#options;
    const deadline = clock.now() - idleTimeoutMs;
    this.close(this.names.filter((name) => this.#channels.get(name)!.lastWriteMs < deadline));
    this.#scheduleSweep();
  }

  /** The timer runs only while there is something to sweep, so that an unused server holds none. */
  #scheduleSweep(): void {
    if (this.#disposed || this.#cancelSweep !== undefined || this.names.length === 0) return;
    const { clock, sweepIntervalMs } = this.#options;
    this.#cancelSweep = clock.schedule(sweepIntervalMs, () => {
      this.#cancelSweep = undefined;
      this.#sweep();
    });
  }
}
