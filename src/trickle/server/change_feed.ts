/**
 * The channel `_changes`: one JSON object per segment for every channel that comes or goes.
 * TRICKLE.md section 6.14.
 *
 * @module
 */

import { Channel, type ChannelContext } from "./channel.ts";
import { INDEX_NEXT } from "../protocol.ts";

/** The name of the change feed's channel. */
export const CHANGE_FEED_NAME = "_changes";

/** One entry of the change feed; an absent key means none. */
export interface ChannelChanges {
  /** Names of channels created. */
  readonly added?: readonly string[];
  /** Names of channels closed. */
  readonly removed?: readonly string[];
}

/** Writes the change feed. */
export class ChangeFeed {
  /** The channel that it is read from. */
  readonly channel: Channel;
  readonly #encoder = new TextEncoder();

  /** Creates the channel; its segment 0 announces itself. */
  constructor(context: ChannelContext) {
    this.channel = new Channel(CHANGE_FEED_NAME, "application/json", context);
    this.announce({ added: [CHANGE_FEED_NAME] });
  }

  /** Publishes one entry as one whole segment. */
  announce(changes: ChannelChanges): void {
    const segment = this.channel.openForWrite(INDEX_NEXT);
    this.channel.write(segment, this.#encoder.encode(JSON.stringify(changes)));
    this.channel.finish(segment);
  }
}
