/** What a server that refuses segments for a while costs a reader. */

import assert from "node:assert/strict";
import { TricklePublisher, type TrickleServer } from "../../src/trickle/mod.ts";
import { RefusingServer } from "../e2e/chaos/refusing_server.ts";
import { until, within } from "../waiting.ts";

async function publishOne(publisher: TricklePublisher, text: string): Promise<boolean> {
  const writer = await publisher.next();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
    return true;
  } catch {
    return false;
  }
}

/** The text of the next segment; the iterator's other segments stay. */
async function readOne(
  segments: AsyncIterator<{ readonly body: AsyncIterable<Uint8Array> }>,
): Promise<string> {
  const { value, done } = await segments.next();
  if (done === true) throw new Error("The channel has ended");
  return new TextDecoder().decode(
    (await Array.fromAsync(value.body as AsyncIterable<Uint8Array>))[0],
  );
}

function publisherOf(server: TrickleServer): TricklePublisher {
  return new TricklePublisher(server.channelUrl("c"), { autocreate: true, ownsChannel: false });
}

for (const status of [404, 413, 500] as const) {
  Deno.test(`a reader gets every segment that is stored after requests were answered ${status}`, async () => {
    await using server = new RefusingServer();
    server.listen();
    server.createChannel("c", "");
    await using publisher = publisherOf(server);
    await using reader = server.subscriber("c", { start: 0 });
    const segments = reader[Symbol.asyncIterator]();
    assert.equal(await publishOne(publisher, "before"), true);
    assert.equal(await within(readOne(segments), "the segment before"), "before");
    // A 404 alone says that the channel is gone: the server has failed otherwise before.
    server.refusal = { channel: /c/, method: "POST", status: status === 404 ? 500 : status };
    assert.equal(await publishOne(publisher, "refused"), true); // its request was there before
    assert.equal(await within(readOne(segments), "the segment that was let through"), "refused");
    // The segment that is taken and the one ahead of it are refused beside each other.
    const writer = await publisher.next();
    await until(() => server.refused > 0, "a request that is refused");
    server.refusal = { ...server.refusal, status };
    const { refused } = server;
    await until(() => server.refused >= refused + 8, "eight requests that are refused");
    server.refusal = undefined;
    await writer.write(new TextEncoder().encode("after"));
    await writer.close();
    assert.equal(await publishOne(publisher, "the next"), true);
    // No index between them was left out, at which a reader would wait until five more were stored.
    assert.equal(await within(readOne(segments), "the segment after"), "after");
    assert.equal(await within(readOne(segments), "the next segment"), "the next");
    assert.equal(reader.stats.skippedSegments, 0);
    assert.equal(publisher.stats.failedSegments, 0);
  });
}
