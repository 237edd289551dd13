/** Where the channels of a stream may lead, wherever the stream runs. */

import assert from "node:assert/strict";
import { TrickleServer } from "../../src/trickle/mod.ts";
import { StreamWorker, type WorkerOptions } from "../../src/worker/mod.ts";
import { ADMIT_ALL } from "../server/fake_session.ts";
import { until } from "../waiting.ts";

const MODULE = import.meta.resolve("./isolation/processors/declared.ts");

for (const isolate of ["none", "thread", "process"] as const) {
  Deno.test(`${isolate}: the connections of a stream are held to allowUrls`, async () => {
    await using trickle = new TrickleServer();
    trickle.listen();
    const options: WorkerOptions = {
      processor: isolate === "none" ? (await import(MODULE)).default : { module: MODULE },
      isolate,
      allowUrls: ["10.0.0.0/8"],
      warmFfmpeg: 0,
      admit: ADMIT_ALL,
    };
    await using worker = new StreamWorker(options, {});
    worker.load();
    await worker.initialized;
    // What comes over HTTP is checked before: this is what a name means once it leads elsewhere.
    await worker.start({
      id: "a",
      aliases: [],
      subscribeUrl: trickle.channelUrl("in"),
      publishUrl: trickle.channelUrl("out"),
      eventsUrl: trickle.channelUrl("events"),
      params: {},
    });
    await until(() => worker.snapshot().lastError !== undefined, "the end of the stream");
    assert.match(worker.snapshot().lastError ?? "", /cannot be reached/);
    assert.equal(trickle.stats.requests, 0);
  });
}
