import assert from "node:assert/strict";
import { type Check, formatCheck } from "../../src/cli/doctor/check.ts";
import { testWith } from "../facilities.ts";
import { type CommandResult, runToEnd } from "./command_process.ts";

const testOnGpu = await testWith("gpu");
const testOnLinux = await testWith("linux");

interface Report {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  readonly gpu: {
    readonly device?: {
      readonly name: string;
      readonly isSoftware: boolean;
      readonly limits: Readonly<Record<string, number>>;
      readonly selfTest: { readonly elapsedMs: number; readonly f16: string };
      readonly hasF16: boolean;
      readonly measurement: Readonly<Record<string, number>>;
    };
    readonly error?: { readonly code: string; readonly message: string };
    readonly provider: { readonly name: string; readonly reason: string };
  };
}

/** Variables of a child that finds no adapter, whatever drivers are there. */
const NO_ADAPTER = { DENO_WEBGPU_BACKEND: "vulkan", VK_DRIVER_FILES: "/nonexistent/icd.json" };

let whole: Promise<CommandResult> | undefined;

/** What `doctor --json` says of this machine, which takes seconds to measure: asked once. */
async function reportHere(): Promise<Report> {
  const { code, stdout } = await (whole ??= runToEnd(["doctor", "--json"]));
  assert.equal(code, 0, stdout);
  return JSON.parse(stdout);
}

Deno.test("doctor --json names versions, codecs, hardware and the GPU adapter", async () => {
  const report = await reportHere();
  assert.equal(report.ok, true);
  const found = new Map(report.checks.map((check) => [check.name, check]));
  for (const name of ["runnel", "deno", "ffmpeg", "codecs", "hardware decoding", "GPU adapter"]) {
    assert.notEqual(found.get(name)?.found ?? "", "", name);
  }
  assert.ok(found.get("deno")?.found.startsWith(Deno.version.deno));
  assert.match(found.get("ffmpeg")!.found, /^\S+ \(.*ffmpeg\)$/);
});

testOnGpu(
  "doctor --json tells the device, its self-test, its speed and what models run on",
  async () => {
    const { device, error, provider } = (await reportHere()).gpu;
    assert.equal(error, undefined);
    assert.ok(device !== undefined);
    assert.notEqual(device.name, "");
    assert.equal(provider.name, device.isSoftware ? "wasm" : "webgpu");
    assert.notEqual(provider.reason, "");
    assert.ok((device.limits.maxBufferSize ?? 0) > 0);
    assert.ok(device.selfTest.elapsedMs > 0);
    assert.equal(device.hasF16, device.selfTest.f16 === "right");
    for (const name of ["uploadMBps", "readbackMBps", "convertMs", "roundTripMs"]) {
      assert.ok((device.measurement[name] ?? 0) > 0, name);
    }
  },
);

testOnGpu("doctor for people has a line for each of them", async () => {
  const lines = (await reportHere()).checks.map(formatCheck).join("");
  assert.match(lines, /^ok +GPU self-test +right, in \d+ ms; f16 /m);
  assert.match(lines, /^ok +GPU limits +maxBufferSize \d+/m);
  assert.match(lines, /^ok +GPU speed +upload \d+ MB\/s, readback \d+ MB\/s/m);
  assert.match(lines, /^ok +models +(webgpu|wasm) \(/m);
});

Deno.test("doctor without an ffmpeg says how to get one, with exit code 1", async () => {
  const env = { ...NO_ADAPTER, FFMPEG_PATH: "/no/such/ffmpeg" };
  const { code, stdout } = await runToEnd(["doctor", "--json"], { env });
  assert.equal(code, 1);
  const report: Report = JSON.parse(stdout);
  assert.equal(report.ok, false);
  const check = report.checks.find(({ name }) => name === "ffmpeg")!;
  assert.match(formatCheck(check), /^MISSING +ffmpeg .*install/);
});

testOnLinux(
  "doctor without an adapter says what was looked for, and that all works without it",
  async () => {
    const { code, stdout } = await runToEnd(["doctor"], { env: NO_ADAPTER });
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^- +GPU adapter +none: frames stay on the CPU/m);
    assert.match(stdout, /correct or unset VK_DRIVER_FILES: there is no \/nonexistent\/icd\.json/);
    assert.match(stdout, /^ok +models +wasm \(/m);
    const json = await runToEnd(["doctor", "--json"], { env: NO_ADAPTER });
    const { gpu }: Report = JSON.parse(json.stdout);
    assert.equal(gpu.device, undefined);
    assert.equal(gpu.error?.code, "GPU_UNAVAILABLE");
    assert.equal(gpu.provider.name, "wasm");
  },
);

testOnGpu("doctor fails where hardware is required and there is only software", async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const env = { REQUIRE_GPU: "1" };
  const { code, stdout } = await runToEnd(["doctor"], { env });
  const isSoftware = adapter?.info.isFallbackAdapter === true;
  assert.equal(code, isSoftware ? 1 : 0, stdout);
  if (isSoftware) assert.match(stdout, /^MISSING +GPU adapter +no hardware: Cannot open/m);
});

Deno.test("doctor tells the provider that RUNNEL_PROVIDER names, and refuses one of no meaning", async () => {
  const wasm = await runToEnd(["doctor"], { env: { ...NO_ADAPTER, RUNNEL_PROVIDER: "wasm" } });
  assert.match(wasm.stdout, /^ok +models +wasm \(as RUNNEL_PROVIDER says\)/m);
  const wrong = await runToEnd(["doctor"], { env: { ...NO_ADAPTER, RUNNEL_PROVIDER: "cuda" } });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stdout, /^MISSING +models +cannot run: .*"cuda".*wasm/m);
});
