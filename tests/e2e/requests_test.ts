import assert from "node:assert/strict";
import { assertEveryFrame } from "./assertions.ts";
import { makeTestClip, shownTicks } from "./clips.ts";
import { decodeVideo } from "./decoding.ts";
import { Chain, type StillWorker } from "./harness.ts";

const ID = { gateway_request_id: "bad" };
const JSON_TYPE = { "content-type": "application/json" };

/** What is wrong with a request, and what it is. */
interface BadRequest {
  readonly problem: string;
  readonly path?: string;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
}

const BAD_STARTS: readonly BadRequest[] = [
  { problem: "no JSON", body: "{" },
  { problem: "an empty body", body: "" },
  { problem: "a list", body: [] },
  { problem: "no id", body: {} },
  { problem: "an id that is a number", body: { gateway_request_id: 1 } },
  { problem: "another content type", body: ID, headers: { "content-type": "text/plain" } },
  { problem: "a relative URL", body: { ...ID, subscribe_url: "camera" } },
  { problem: "an ftp URL", body: { ...ID, publish_url: "ftp://127.0.0.1/camera" } },
  ...[
    { width: 512 },
    { height: 512 },
    { width: 0, height: 512 },
    { width: 512.5, height: 512 },
    { width: "wide", height: 512 },
    { max_framerate: 0 },
    { max_framerate: -1 },
    { max_framerate: 61 },
    { max_framerate: "fast" },
    { detect_out_resolution: "maybe" },
    { show_loading: "maybe" },
    "params",
    [],
  ].map((params) => ({ problem: `params ${JSON.stringify(params)}`, body: { ...ID, params } })),
];

Deno.test("bad starts are refused with 400 and leave nothing open", async () => {
  await using chain = await Chain.startHere();
  for (const path of ["/stream/start", "/api/stream/start", "/live-video-to-video"]) {
    for (const request of BAD_STARTS) await assertRefused(chain, { ...request, path });
  }
  const { json } = await chain.worker.call("/stream/status");
  assert.equal(json["state"], "IDLE");
  assert.equal(json["active_streams"], 0);
  assert.deepEqual(chain.server.channelNames, []);
});

Deno.test("stop and params without a stream are refused", async () => {
  await using chain = await Chain.startHere();
  for (const prefix of ["", "/api"]) {
    const stop = await chain.worker.call(`${prefix}/stream/stop`, "a reason");
    assert.equal(stop.status, 400);
    assert.equal(stop.json["status"], "error");
    assert.equal(stop.json["message"], "No active stream to stop");
    await assertRefused(chain, {
      path: `${prefix}/stream/params`,
      problem: "no stream",
      body: { gain: 1 },
    });
  }
});

Deno.test("bad requests to a running stream do not disturb it", async () => {
  await using chain = await Chain.startHere("gain");
  const clip = await makeTestClip();
  await using stream = await chain.open();
  const feeding = stream.feed(clip);
  const path = "/stream/params";
  await assertRefused(chain, { path, problem: "no JSON", body: "{" });
  await assertRefused(chain, { path, problem: "a bad rate", body: { max_framerate: 99 } });
  await assertRefused(chain, { path, problem: "half a size", body: { params: { width: 9 } } });
  await assertRefused(chain, { path, problem: "what the processor refuses", body: { gain: 99 } });
  const second = await chain.worker.call("/stream/start", ID);
  assert.equal(second.status, 503);
  assert.match(String(second.json["message"]), /in use/);
  await feeding;
  const output = await stream.end();
  assertEveryFrame(await decodeVideo(output.bytes), shownTicks(clip));
});

async function assertRefused(chain: Chain<StillWorker>, request: BadRequest): Promise<void> {
  const { path = "/stream/start", body, problem, headers = JSON_TYPE } = request;
  const response = await fetch(chain.worker.url + path, {
    method: "POST",
    headers,
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const answer = await response.json();
  assert.equal(response.status, 400, `${problem}: ${JSON.stringify(answer)}`);
  assert.equal(answer.status, "error", problem);
  assert.ok(typeof answer.message === "string" && answer.message.length > 10, problem);
  assert.ok("state" in answer.current_state, problem);
}
