import assert from "node:assert/strict";
import { until } from "../waiting.ts";
import { runHere } from "./command_here.ts";
import { CommandProcess, runToEnd } from "./command_process.ts";

Deno.test("demo --json ends with one object of figures, and --output keeps the stream", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const output = `${folder}/out.ts`;
    const { code, stdout, stderr } = await runToEnd([
      "demo",
      ..."--seconds 2 --size 160x90 --fps 20 --json --output".split(" "),
      output,
    ]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout.trim().split("\n").length, 1);
    const report = JSON.parse(stdout);
    assert.deepEqual(Object.keys(report), [
      "frames_in",
      "frames_out",
      "frames_dropped",
      "time_to_first_frame_ms",
      "latency_ms",
      "output_bytes",
      "errors",
    ]);
    assert.equal(report.frames_in, 40);
    assert.equal(report.frames_out + report.frames_dropped, 40);
    assert.equal(report.errors, 0, stderr);
    assert.ok(report.time_to_first_frame_ms > 0);
    // On a busy machine all frames may have waited for the start.
    const { start, ...live } = report.latency_ms;
    for (const { p50, p95, max } of live.p50 === null ? [start] : [start, live]) {
      assert.ok(p50 > 0 && p50 <= p95 && p95 <= max, JSON.stringify(report.latency_ms));
    }
    assert.equal((await Deno.stat(output)).size, report.output_bytes);
    const decoded = await new Deno.Command("ffmpeg", {
      args: ["-v", "warning", "-xerror", "-i", output, "-f", "null", "-"],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    assert.equal(new TextDecoder().decode(decoded.stderr), "");
    assert.equal(decoded.code, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("demo names its addresses, serves its API, and ends cleanly on SIGINT", async () => {
  await using command = new CommandProcess(["demo", "--size", "160x90", "--fps", "10"]);
  const [, url] = await command.waitFor(/Worker ready on (http:\S+)/);
  await command.waitFor(/Input http:\S+\/demo, output http:\S+\/demo-out/);
  await until(async () => {
    const status = await (await fetch(`${url}/api/stream/status`)).json();
    assert.equal(status.current_params.gateway_request_id, "demo");
    return status.metrics.frames_out > 0;
  }, () => command.stderr);
  command.kill("SIGINT");
  const { code, stdout, stderr } = await command.result();
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, /\d+ frames in, \d+ out/);
});

Deno.test("demo --token-file asks others for the token, and goes on by itself", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const token = "demo-token-0123456789";
    await Deno.writeTextFile(`${folder}/token`, token);
    await using command = new CommandProcess([
      ..."demo --size 160x90 --fps 10 --log-level debug".split(" "),
      ...["--token-file", `${folder}/token`, "--output", `${folder}/out.ts`],
    ]);
    const [, url] = await command.waitFor(/output (http:\S+\/demo-out)/);
    for (const method of ["DELETE", "POST"]) {
      const refused = await fetch(url!, { method });
      await refused.body?.cancel();
      assert.equal(refused.status, 401, method);
    }
    const segment = await fetch(`${url}/-2`, { headers: { Authorization: `Bearer ${token}` } });
    assert.equal(segment.status, 200);
    await segment.body?.cancel();
    command.kill("SIGINT");
    const { code, stderr } = await command.result();
    assert.equal(code, 0, stderr);
    assert.match(stderr, /[1-9]\d* frames in, [1-9]\d* out/);
    assert.ok((await Deno.stat(`${folder}/out.ts`)).size > 0);
    assert.doesNotMatch(stderr, /demo-token|sign=[^*]/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("demo with a processor or file that does not exist is exit code 1", async () => {
  for (const args of [["--processor", "nothing"], ["--input", "/no/such/file.mp4"]]) {
    const { code, stderr } = await runHere(["demo", "--seconds", "1", ...args]);
    assert.equal(code, 1, args.join(" "));
    assert.match(stderr, /^error: Cannot /m);
  }
});
