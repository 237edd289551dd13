import assert from "node:assert/strict";
import { runToEnd } from "./command_process.ts";

interface Report {
  readonly ok: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly status: string;
    readonly found: string;
    readonly advice?: string;
  }[];
}

Deno.test("doctor --json names versions, codecs, hardware and the GPU adapter", async () => {
  const { code, stdout } = await runToEnd(["doctor", "--json"]);
  const report: Report = JSON.parse(stdout);
  assert.equal(code, 0, stdout);
  assert.equal(report.ok, true);
  const found = new Map(report.checks.map((check) => [check.name, check]));
  for (const name of ["runnel", "deno", "ffmpeg", "codecs", "hardware decoding", "GPU adapter"]) {
    assert.notEqual(found.get(name)?.found ?? "", "", name);
  }
  assert.ok(found.get("deno")?.found.startsWith(Deno.version.deno));
  assert.match(found.get("ffmpeg")!.found, /^\S+ \(.*ffmpeg\)$/);
});

Deno.test("doctor without an ffmpeg says how to get one, with exit code 1", async () => {
  const env = { FFMPEG_PATH: "/no/such/ffmpeg" };
  const { code, stdout } = await runToEnd(["doctor"], { env });
  assert.equal(code, 1);
  assert.match(stdout, /^MISSING +ffmpeg .*install/m);
  const json = await runToEnd(["doctor", "--json"], { env });
  assert.equal(json.code, 1);
  const report: Report = JSON.parse(json.stdout);
  assert.equal(report.ok, false);
  assert.equal(report.checks.find(({ name }) => name === "ffmpeg")?.status, "missing");
});
