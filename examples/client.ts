/**
 * Frames without a server: reads one channel, draws on every frame, publishes to another.
 *
 *     ./runnel trickle-server &
 *     ./runnel publish test http://127.0.0.1:2939/camera &
 *     deno run -A examples/client.ts http://127.0.0.1:2939/camera http://127.0.0.1:2939/marked &
 *     ./runnel subscribe http://127.0.0.1:2939/marked marked.ts
 */

import { drawText, TrickleClient } from "@runnel/runnel";

const [subscribeUrl, publishUrl] = Deno.args;
if (subscribeUrl === undefined || publishUrl === undefined) {
  // deno-lint-ignore no-console
  console.error("Usage: deno run -A examples/client.ts SUBSCRIBE_URL PUBLISH_URL");
  Deno.exit(2);
}

await using client = new TrickleClient({ subscribeUrl, publishUrl });
let frames = 0;
for await (const frame of client.videoFrames()) {
  drawText(frame, `frame ${frames++}`, { x: 16, y: 16, scale: 3 });
  await client.publishVideoFrame(frame);
}
// deno-lint-ignore no-console
console.error(`${frames} frames; dropped: ${client.metrics.frames_dropped}`);
