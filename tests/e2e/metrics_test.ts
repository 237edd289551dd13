import assert from "node:assert/strict";
import {
  assertHistograms,
  countersOf,
  readSamples,
  valueOf,
} from "../server/prometheus/prometheus_text.ts";
import { makeTestClip } from "./clips.ts";
import { Chain, type StillWorker } from "./harness.ts";
import { delay } from "../waiting.ts";

async function scrape(chain: Chain<StillWorker>): Promise<string> {
  return await (await fetch(`${chain.worker.url}/metrics`)).text();
}

function latencyCounts(text: string): Record<string, number> {
  return Object.fromEntries(
    readSamples(text).filter(({ name }) => name === "runnel_latency_seconds_count")
      .map(({ labels, value }) => [labels["stage"], value]),
  );
}

Deno.test("/metrics counts what live streams do, and only upwards", async () => {
  const clip = await makeTestClip();
  await using chain = await Chain.startHere();
  let before = countersOf(await scrape(chain));
  let bytes = 0;
  for (let stream = 1; stream <= 2; stream++) {
    await using live = await chain.open();
    const watching = new AbortController();
    const watched = (async () => {
      while (!watching.signal.aborted) {
        const text = await scrape(chain);
        assertHistograms(text);
        const after = countersOf(text);
        for (const [name, value] of before) {
          assert.ok(after.get(name)! >= value, `${name}: ${value}, then ${after.get(name)}`);
        }
        before = after;
        await delay(50);
      }
    })();
    await live.feed(clip);
    bytes += (await live.end()).bytes.length;
    watching.abort();
    await watched;
  }
  const text = await scrape(chain);
  for (const counter of ["frames_in", "frames_processed", "frames_out"]) {
    assert.equal(valueOf(text, `runnel_${counter}_total`), 120, counter);
  }
  assert.equal(valueOf(text, "runnel_segments_in_total"), 6);
  assert.equal(valueOf(text, "runnel_output_bytes_total"), bytes);
  assert.ok(valueOf(text, "runnel_input_bytes_total") > 20_000);
  assert.equal(valueOf(text, "runnel_streams_ended_total", { reason: "input-ended" }), 2);
  const stages = { decode: 120, queue: 120, process: 120, encode: 120, total: 120 };
  assert.deepEqual(latencyCounts(text), stages);
});
