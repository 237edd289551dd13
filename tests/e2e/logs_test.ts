import assert from "node:assert/strict";
import { testWith } from "../facilities.ts";
import { feedWithKill } from "./child_death.ts";
import { makeTestClip } from "./clips.ts";
import { Chain } from "./harness.ts";
import { until } from "../waiting.ts";

const linuxTest = await testWith("linux");
const TALKATIVE = new URL("processors/talkative.ts", import.meta.url).pathname;
/** Rooms whose records are about a stream, always, in a worker that has one. */
const STREAM_ROOMS = ["runnel.session", "runnel.codec", "runnel.trickle"];

interface LogLine {
  readonly time: string;
  readonly level: string;
  readonly logger: string;
  readonly message: string;
  readonly stream?: string;
  readonly ended?: string;
  readonly frames_in?: number;
  readonly frames_out?: number;
  readonly frames_dropped_by_reason?: Readonly<Record<string, number>>;
}

async function assertStreamsAreNamed(isolate: "none" | "thread" | "process"): Promise<void> {
  const clip = await makeTestClip();
  await using chain = await Chain.start(
    ...["--log-format", "json", "--log-level", "debug", "--processor", TALKATIVE],
    ...["--isolate", isolate],
  );
  {
    await using stream = await chain.open();
    await feedWithKill(stream, clip, { worker: chain.worker, word: "rawvideo" });
    await stream.end();
  }
  await untilLogged(chain, /Stream stream0 ended/);
  const lines = chain.worker.log.map((line): LogLine => JSON.parse(line));
  for (const { time, level, logger, message } of lines) {
    assert.equal(new Date(time).toISOString(), time);
    assert.match(level, /^(debug|info|warning|error)$/);
    assert.match(logger, /^runnel\b/);
    assert.equal(typeof message, "string");
  }
  const aboutStreams = lines.filter(({ logger }) =>
    STREAM_ROOMS.some((room) => logger === room || logger.startsWith(`${room}.`))
  );
  assert.ok(aboutStreams.length > 5, `${aboutStreams.length}`);
  for (const line of aboutStreams) assert.equal(line.stream, "stream0", JSON.stringify(line));
  const rooms = new Set(aboutStreams.map(({ logger }) => logger));
  assert.ok(rooms.has("runnel.session") && rooms.has("runnel.codec"), [...rooms].join());
  const said = lines.filter(({ logger }) => logger === "runnel.processor")
    .map(({ message, stream }) => `${stream}: ${message}`);
  assert.equal(said.length, 3);
  assert.equal(said[0], "undefined: Initialized with rtmp://example.com/");
  assert.equal(said[1], "stream0: First of frames");
  assert.match(said[2]!, /^stream0: Saw \d+ frames$/);
  assert.equal(
    lines.find(({ message }) => message === "Stream stream0 started")?.stream,
    "stream0",
  );
  // One line of an ended stream says what became of its frames.
  const { ended, frames_in, frames_out, frames_dropped_by_reason } = lines.find(({ message }) =>
    message === "Stream stream0 ended: input-ended"
  )!;
  const { decoder } = frames_dropped_by_reason!;
  assert.deepEqual(frames_dropped_by_reason, { decoder });
  assert.ok(decoder! > 0);
  assert.deepEqual({ ended, frames_in }, {
    ended: "input-ended",
    frames_in: frames_out! + decoder!,
  });
}

/** Waits for a line of the worker's log: a pipe carries it. */
async function untilLogged({ worker }: Chain, line: RegExp): Promise<void> {
  await until(() => worker.log.some((text) => line.test(text)), () => worker.log.join("\n"));
}

for (const isolate of ["none", "thread", "process"] as const) {
  linuxTest(
    `in a JSON log, --isolate ${isolate}, every record about a stream carries its id`,
    async () => {
      await assertStreamsAreNamed(isolate);
    },
  );
}

Deno.test("a text log names the stream of each record, and no credentials", async () => {
  await using chain = await Chain.start("--log-level", "debug", "--processor", TALKATIVE);
  const clip = await makeTestClip();
  await chain.run(clip);
  await untilLogged(chain, / Stream stream0 ended/);
  const log = chain.worker.log.join("\n");
  assert.match(log, / INFO {2}processor: \[stream0\] First of frames$/m);
  assert.match(log, / INFO {2}session: Stream stream0 ended: input-ended$/m);
  assert.match(log, / DEBUG codec: \[stream0\] video decoder: started ffmpeg \d+$/m);
  assert.doesNotMatch(log, /hunter2/);
});
