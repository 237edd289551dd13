import assert from "node:assert/strict";
import { StreamMeters } from "../../../src/session/telemetry/stream_meters.ts";

Deno.test("frames that nobody counted stay open in the accounts", () => {
  const meters = new StreamMeters(() => 0);
  for (let frame = 0; frame < 10; frame++) meters.frameArrived(frame);
  meters.framesDropped("queue", 3);
  meters.setDropped("decoder", 2);
  for (let frame = 0; frame < 4; frame++) meters.frameWritten(frame);
  assert.deepEqual(meters.openAccounts, { frames: 1, copied: 0 });
  meters.frameConsumed(9);
  assert.deepEqual(meters.openAccounts, { frames: 0, copied: 0 });
  meters.frameCopied(1);
  meters.frameCopied(2);
  meters.framesUnseen("stop");
  assert.deepEqual(meters.openAccounts, { frames: 0, copied: 1 });
  assert.deepEqual(meters.accounts().frames_dropped_by_reason, { queue: 3, decoder: 2 });
});
