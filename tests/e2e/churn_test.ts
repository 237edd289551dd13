/** Streams that come and go by the hundred: nothing of them is left. */

import assert from "node:assert/strict";
import { TrickleServer } from "../../src/trickle/mod.ts";
import { WorkerProcess } from "../../bench/worker_process.ts";
import { type Footprint, settledFootprint } from "./footprint.ts";
import { makeTestClip } from "./clips.ts";
import { type ApiAnswer, Chain } from "./harness.ts";
import { testWith } from "../facilities.ts";
import { until, within } from "../waiting.ts";

const linuxTest = await testWith("linux");
const CYCLES = 200;
/** Cycles after which everything that is kept for later is there: pools, compiled code. */
const WARM_UP = 60;
/** Every so many cycles a stream has frames, and with them children. */
const FED_EVERY = 20;
const MAX_GROWTH_BYTES = 48 * 1024 * 1024;

linuxTest(
  `${CYCLES} streams one after another leave no child, descriptor, channel or memory`,
  async () => {
    await using chain = await Chain.start();
    const clip = await makeTestClip({ seconds: 1 });
    let warm: Footprint | undefined;
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      if (cycle === WARM_UP) warm = await settledFootprint(chain.worker.pid);
      await using stream = await chain.open({ cycle });
      if (cycle % FED_EVERY === 0) {
        await stream.feed(clip);
        await until(async () => (await chain.metrics()).frames_out > 0, "frames");
      }
      const { status } = await chain.worker.call("/stream/stop", { reason: "done" });
      assert.equal(status, 200);
      await within(stream.probe.ended, "the end of the output");
    }
    await chain.untilHealth("IDLE");
    await untilBackTo(warm!, chain.worker.pid);
    assert.equal(chain.server.stats.channels, 0, "channels that are left");
  },
);

linuxTest(
  "fifty starts at once against room for four give four streams, again and again",
  async () => {
    await using trickle = new TrickleServer();
    trickle.listen();
    await using worker = await WorkerProcess.start([
      ...["--warm-ffmpeg", "0"],
      ...["--log-level", "error", "--capacity", "4", "--processor", "grayscale"],
    ]);
    await until(async () => (await worker.call("/health")).json["status"] === "IDLE", "IDLE");
    let warm: Footprint | undefined;
    for (let round = 0; round < 5; round++) {
      const ids = Array.from({ length: 50 }, (_, i) => `round${round}-stream${i}`);
      const answers = await Promise.all(ids.map((id) => {
        for (const name of [id, `${id}-out`]) trickle.createChannel(name, "video/mp2t");
        return startOrRefuse(worker, {
          gateway_request_id: id,
          subscribe_url: trickle.channelUrl(id),
          publish_url: trickle.channelUrl(`${id}-out`),
        });
      }));
      const started = ids.filter((_, i) => answers[i]!.status === 200);
      assert.equal(started.length, 4);
      assert.equal(answers.filter(({ status }) => status === 503).length, 46);
      const stops = await Promise.all(
        started.map((id) => worker.call("/stream/stop", { gateway_request_id: id })),
      );
      assert.deepEqual(stops.map(({ status }) => status), [200, 200, 200, 200]);
      for (const id of ids) trickle.closeChannel(id);
      if (round === 1) warm = await settledFootprint(worker.pid);
    }
    await untilBackTo(warm!, worker.pid);
    assert.equal((await worker.call("/health")).json["status"], "IDLE");
  },
);

/** Asks until the answer has another reason than that the event loop runs late. */
async function startOrRefuse(worker: WorkerProcess, request: unknown): Promise<ApiAnswer> {
  let answer: ApiAnswer | undefined;
  await until(async () => {
    answer = await worker.call("/stream/start", request);
    return !String(answer.json["message"]).includes("overloaded");
  }, "a worker that is not overloaded");
  return answer!;
}

/** Waits until a process holds no more than before; what leaks never falls back. */
async function untilBackTo(before: Footprint, pid: number): Promise<void> {
  let now = before;
  await until(async () => {
    now = await settledFootprint(pid);
    return now.descriptors <= before.descriptors + 4 && now.threads <= before.threads + 4 &&
      now.residentBytes <= before.residentBytes + MAX_GROWTH_BYTES;
  }, () => `${JSON.stringify(before)}; it grew to ${JSON.stringify(now)}`);
}
