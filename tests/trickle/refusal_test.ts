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
  Deno.test(`a reader gets the first segment that is stored after others were answered ${status}`, async () => {
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
    let refused = server.refused;
    await until(() => server.refused > refused, "a request that is refused");
    server.refusal = { ...server.refusal, status };
    refused = server.refused;
    await until(() => server.refused >= refused + 3, "three requests that are refused");
    server.refusal = undefined;
    assert.equal(await publishOne(publisher, "after"), true);
    // No other segment is needed to set the reader free.
    assert.equal(await within(readOne(segments), "the segment after"), "after");
    assert.equal(reader.stats.skippedSegments, 0);
    assert.equal(publisher.stats.failedSegments, 0);
  });
}
