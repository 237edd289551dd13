import assert from "node:assert/strict";
import {
  DataChannel,
  type DataChannelOptions,
} from "../../../src/session/channels/data_channel.ts";
import { TricklePublisher, TrickleServer } from "../../../src/trickle/mod.ts";
import { MemorySink } from "../in_memory.ts";
import { ManualClock } from "../../trickle/manual_clock.ts";
import { until } from "../../waiting.ts";

interface Published {
  /** The text of each segment. */
  readonly texts: readonly string[];
  readonly channel: DataChannel;
  readonly errors: readonly Error[];
}

/** Publishes with `use`, and gives what came out. */
async function publish(
  use: (channel: DataChannel, sink: MemorySink) => void | Promise<void>,
  options: Partial<DataChannelOptions> = {},
): Promise<Published> {
  const errors: Error[] = [];
  const sink = new MemorySink();
  const channel = new DataChannel({
    sink,
    onError: (error) => errors.push(error),
    flushIntervalMs: 1,
    clock: new ManualClock(),
    ...options,
  });
  try {
    await use(channel, sink);
  } finally {
    await channel[Symbol.asyncDispose]();
  }
  assert.ok(sink.closed);
  const decoder = new TextDecoder();
  return { texts: sink.whole.map((bytes) => decoder.decode(bytes)), channel, errors };
}

Deno.test("data is published as lines, in order, and what waits at the end is not lost", async () => {
  const sent = Array.from({ length: 50 }, (_, i) => JSON.stringify({ i }));
  const { texts, errors, channel } = await publish((channel) => {
    for (const line of sent) channel.send(line);
  });
  assert.deepEqual(errors, []);
  assert.deepEqual(texts.join("").split("\n"), [...sent, ""]);
  assert.deepEqual(channel.figures, { lines_sent: 50, lines_dropped: 0 });
});

Deno.test("a text of several lines becomes one line", async () => {
  const { texts } = await publish((channel) => {
    channel.send('{\n  "words": ["a\\n", "b"],\r\n  "id": 12345678901234567890\n}');
    channel.send("plain\ntext");
    channel.send("one line");
  });
  const [json, ...others] = texts.join("").split("\n");
  assert.deepEqual(
    JSON.parse(json!),
    JSON.parse('{"words":["a\\n","b"],"id":12345678901234567890}'),
  );
  assert.match(json!, /12345678901234567890/);
  assert.deepEqual(others, ['"plain\\ntext"', "one line", ""]);
});

Deno.test("a line that a gateway would choke on is dropped and counted", async () => {
  const { texts, channel } = await publish((channel) => {
    channel.send("x".repeat(65_535));
    channel.send("x".repeat(65_534));
    channel.send("é".repeat(32_768));
  });
  assert.equal(texts.join("").length, 65_535);
  assert.deepEqual(channel.figures, { lines_sent: 1, lines_dropped: 2 });
});

Deno.test("the oldest of more lines than the queue holds are dropped and counted", async () => {
  const { texts, channel } = await publish(
    (channel) => {
      for (let i = 0; i < 1_003; i++) channel.send(String(i));
    },
    { flushIntervalMs: 60_000 },
  );
  assert.deepEqual(texts.join("").split("\n").slice(0, 2), ["3", "4"]);
  assert.deepEqual(channel.figures, { lines_sent: 1_000, lines_dropped: 3 });
});

Deno.test("a channel without data says now and then that it is alive", async () => {
  const clock = new ManualClock();
  const { texts } = await publish(
    async (_channel, sink) => {
      for (let segments = 0; segments < 2; segments++) {
        // In silence it is only looked whether there is something to publish.
        while (clock.now() < segments * 25_000 + 20_000) await clock.passDelay(5_000, 5_000);
        assert.equal(sink.whole.length, segments);
        await clock.passDelay(5_000, 5_000);
        await until(() => sink.whole.length === segments + 1, "a segment");
      }
    },
    { clock, flushIntervalMs: 5_000 },
  );
  assert.equal(texts.join(""), "");
});

Deno.test("lines for a channel that is not there are counted, and reported as errors", async () => {
  await using server = new TrickleServer({ autocreate: false });
  server.listen({ port: 0 });
  const errors: Error[] = [];
  const channel = new DataChannel({
    sink: new TricklePublisher(server.channelUrl("none"), { contentType: "application/jsonl" }),
    onError: (error) => errors.push(error),
    flushIntervalMs: 1,
  });
  channel.send("lost");
  // The end of the channel would not wait long for the server's answer.
  await until(() => errors.length > 0, "the error");
  await channel[Symbol.asyncDispose]();
  assert.equal(errors.length, 1);
  assert.match(errors[0]!.message, /none/);
  assert.deepEqual(channel.figures, { lines_sent: 0, lines_dropped: 1 });
});
