import assert from "node:assert/strict";
import { Channel, type ChannelContext } from "../../src/trickle/server/channel.ts";
import { resolveLimits, type TrickleLimits } from "../../src/trickle/server/limits.ts";
import { MemoryPool } from "../../src/trickle/server/access/memory_pool.ts";
import type { SegmentBuffer } from "../../src/trickle/server/segment_buffer.ts";

const MIB = 1024 * 1024;

function contextOf(limits: Partial<TrickleLimits>): ChannelContext {
  const resolved = resolveLimits(limits);
  const now = (): number => 0;
  return {
    limits: resolved,
    pool: new MemoryPool(resolved, now),
    now,
    figures: { requests: 0, receivedBytes: 0, cutReaders: 0 },
  };
}

/** One whole segment of a client. */
function publish(channel: Channel, client: string, bytes: number): SegmentBuffer {
  const segment = channel.openForWrite(-1);
  assert.equal(channel.write(segment, new Uint8Array(bytes), client), "stored");
  channel.finish(segment);
  return segment;
}

/** A segment that has left the ring, but not its reader. */
function publishForSlowReader(channel: Channel, client: string, bytes: number): SegmentBuffer {
  const first = publish(channel, client, bytes);
  channel.attachReader(first);
  for (let i = 0; i < 5; i++) publish(channel, client, 1);
  return first;
}

Deno.test("the slow readers of the client that holds most are cut before those of others", () => {
  const context = contextOf({ maxTotalBytes: 16 * MIB, maxBytesPerClient: 12 * MIB });
  const modest = new Channel("modest", "", context);
  const greedy = new Channel("greedy", "", context);
  const ofModest = publishForSlowReader(modest, "modest", 2 * MIB);
  const ofGreedy = publishForSlowReader(greedy, "greedy", 6 * MIB);
  publish(new Channel("more", "", context), "greedy", 5 * MIB);
  publish(new Channel("third", "", context), "third", 4 * MIB);
  assert.deepEqual([ofModest.discarded, ofGreedy.discarded], [false, true]);
  assert.equal(context.figures.cutReaders, 1);
});

Deno.test("a client's share returns when its channel has ended and the last reader has left", () => {
  const context = contextOf({});
  const { pool } = context;
  const channel = new Channel("c", "", context);
  const first = publishForSlowReader(channel, "a", MIB);
  const last = publish(channel, "a", MIB);
  channel.attachReader(last);
  const open = channel.openForWrite(-1);
  channel.write(open, new Uint8Array(10), "a");
  channel[Symbol.dispose]();
  assert.equal(channel.write(open, new Uint8Array(10), "a"), "dropped");
  assert.equal(pool.heldBy("a"), first.allocatedBytes + last.allocatedBytes);
  channel.detachReader(first);
  assert.equal(pool.heldBy("a"), last.allocatedBytes);
  channel.detachReader(last);
  assert.equal(pool.heldBy("a"), 0);
  assert.equal(pool.usedBytes, 0);
});

Deno.test("what is still read of a channel that has ended counts for who wrote it, not for its successor", () => {
  const context = contextOf({});
  const { pool } = context;
  const former = new Channel("c", "", context);
  const segment = publishForSlowReader(former, "a", MIB);
  former[Symbol.dispose]();
  const next = new Channel("c", "", context);
  const own = publish(next, "b", 10);
  assert.equal(pool.heldBy("a"), segment.allocatedBytes);
  assert.equal(pool.heldBy("b"), own.allocatedBytes);
  former.detachReader(segment);
  assert.equal(pool.heldBy("a"), 0);
});
