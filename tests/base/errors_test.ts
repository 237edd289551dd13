import assert from "node:assert/strict";
import {
  ConfigError,
  describeError,
  FfmpegError,
  GpuError,
  MediaError,
  ProcessorError,
  roomLogger,
  RunnelError,
  TrickleError,
} from "../../src/base/mod.ts";

Deno.test("RunnelError carries name, code, message, cause and context", () => {
  const cause = new Error("below");
  const error = new FfmpegError("FFMPEG_EXIT", "Cannot decode: ffmpeg exited with 1; see stderr", {
    cause,
    context: { code: 1 },
  });
  assert.ok(error instanceof RunnelError && error instanceof Error);
  assert.equal(error.name, "FfmpegError");
  assert.equal(error.code, "FFMPEG_EXIT");
  assert.equal(error.cause, cause);
  assert.deepEqual(error.context, { code: 1 });
  assert.match(error.stack ?? "", /^FfmpegError: Cannot decode/m);
});

Deno.test("RunnelError without options has an empty context and no cause", () => {
  const error = new MediaError("MEDIA_NO_STREAM", "Cannot start: no stream; send one");
  assert.deepEqual(error.context, {});
  assert.equal(Object.hasOwn(error, "cause"), false);
});

Deno.test("each error class can be told from the others", () => {
  const errors = [
    new TrickleError("TRICKLE_CLOSED", "x"),
    new GpuError("GPU_UNAVAILABLE", "x"),
    new ConfigError("CONFIG_INVALID", "x"),
    new ProcessorError("PROCESSOR_FRAME", "x"),
  ];
  assert.deepEqual(errors.map((error) => error.name), [
    "TrickleError",
    "GpuError",
    "ConfigError",
    "ProcessorError",
  ]);
  assert.ok(!(errors[0] instanceof GpuError));
});

Deno.test("describeError() says something about whatever was thrown", () => {
  const thrown = [new Error("message"), new TypeError(), "text", undefined, 5];
  assert.deepEqual(thrown.map(describeError), ["message", "TypeError", "text", "undefined", "5"]);
});

Deno.test("roomLogger() names its category after the room", () => {
  assert.deepEqual(roomLogger("trickle").category, ["runnel", "trickle"]);
});
