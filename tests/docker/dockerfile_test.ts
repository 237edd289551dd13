import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { DockerfileParser, From, Healthcheck, type Instruction } from "npm:dockerfile-ast@0.7.1";
import { validate } from "npm:dockerfile-utils@0.16.3";
import { healthUrl } from "../../docker/health.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const text = await Deno.readTextFile(`${ROOT}/Dockerfile`);
const dockerfile = DockerfileParser.parse(text);
const instructions = dockerfile.getInstructions();
const stages = new Set(dockerfile.getFROMs().map((from) => from.getBuildStage()));

/** The instructions of a stage with those of the stages that it builds on, first to last. */
function instructionsOf(target: string): Instruction[] {
  const start = instructions.findIndex((one) =>
    one instanceof From && one.getBuildStage() === target
  );
  assert.notEqual(start, -1, `no stage ${target}`);
  const next = instructions.findIndex((one, i) => i > start && one instanceof From);
  const own = instructions.slice(start, next === -1 ? undefined : next);
  const image = (own[0] as From).getImage()?.replace("${FFMPEG}", "debian") ?? "";
  return stages.has(image) ? [...instructionsOf(image), ...own] : own;
}

function last(target: string, keyword: string): Instruction | undefined {
  return instructionsOf(target).findLast((one) => one.getKeyword() === keyword);
}

Deno.test("the Dockerfile has nothing that a linter finds fault with", () => {
  assert.deepEqual(validate(text), []);
  assert.notEqual(validate(`${text}\nMAINTAINER nobody`).length, 0, "the linter looks");
});

Deno.test("the Dockerfile names every image from a registry by tag and digest", () => {
  const images = dockerfile.getFROMs().map((from) => from.getImage() ?? "");
  const foreign = images.filter((image) => !stages.has(image) && !image.includes("${FFMPEG}"));
  assert.ok(foreign.length >= 3);
  for (const image of foreign) {
    assert.match(image, /^[a-z/-]+:(?!latest@)[a-z0-9.-]+@sha256:[0-9a-f]{64}$/, image);
  }
});

Deno.test("the Dockerfile has the Deno that ./runnel installs", async () => {
  const script = await Deno.readTextFile(`${ROOT}/runnel`);
  const version = /^DENO_VERSION=(.+)$/m.exec(script)?.[1];
  assert.ok(version !== undefined);
  const deno = dockerfile.getFROMs().find((from) => from.getBuildStage() === "deno");
  assert.ok(deno?.getImage()?.startsWith(`denoland/deno:bin-${version}@`), "another version");
});

for (const target of ["cpu", "nvidia"]) {
  Deno.test(`the target ${target} runs as a user with a fixed number, not as root`, () => {
    assert.equal(last(target, "USER")?.getArgumentsContent(), "10001:10001");
  });

  Deno.test(`the target ${target} asks /livez, and SIGTERM reaches the worker`, () => {
    const check = last(target, "HEALTHCHECK");
    assert.ok(check instanceof Healthcheck);
    assert.match(check.getArgumentsContent() ?? "", /"\/livez"\]$/);
    assert.equal(last(target, "STOPSIGNAL")?.getArgumentsContent(), "SIGTERM");
    const entry: unknown = JSON.parse(last(target, "ENTRYPOINT")?.getArgumentsContent() ?? "");
    assert.deepEqual(entry, ["tini", "--", "/app/docker/serve_safe.sh"]);
    assert.equal(last(target, "EXPOSE")?.getArgumentsContent(), "8000");
    const variables = instructionsOf(target).filter((one) => one.getKeyword() === "ENV");
    assert.ok(
      variables.some((one) => /\bHOST=0\.0\.0\.0\b/.test(one.getArgumentsContent() ?? "")),
      "a published port leads to the worker",
    );
  });
}

Deno.test("every file that the Dockerfile copies is there and is sent to the builder", async () => {
  const ignore = (await Deno.readTextFile(`${ROOT}/.dockerignore`)).split("\n");
  let copied = 0;
  for (const copy of dockerfile.getCOPYs()) {
    if (copy.getFlags().some((flag) => flag.getName() === "from")) continue;
    for (const source of copy.getArguments().slice(0, -1).map((one) => one.getValue())) {
      await Deno.stat(`${ROOT}/${source}`);
      assert.ok(ignore.includes(`!${source.split("/")[0]}`), `${source} is in .dockerignore`);
      copied++;
    }
  }
  assert.ok(copied >= 7);
});

Deno.test("the target nvidia names the driver that works without an X server", async () => {
  const icd: unknown = JSON.parse(await Deno.readTextFile(`${ROOT}/docker/nvidia_egl_icd.json`));
  assert.match(JSON.stringify(icd), /"library_path":"libEGL_nvidia.so.0"/);
});

Deno.test("healthUrl() asks the address that the worker's environment names", () => {
  const url = (env: Record<string, string>) => healthUrl("/livez", (name) => env[name]);
  assert.equal(url({}), "http://127.0.0.1:8000/livez");
  assert.equal(
    url({ HOST: "0.0.0.0", PORT: "9000", RUNNEL_PREFIX: "/v1" }),
    "http://127.0.0.1:9000/v1/livez",
  );
  assert.equal(url({ HOST: "::1" }), "http://[::1]:8000/livez");
});

Deno.test("the health script fails where nothing answers", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", "--allow-net", "--allow-env", `${ROOT}/docker/health.ts`],
    env: { PORT: "1" },
    stdout: "null",
  }).output();
  assert.equal(code, 1);
  assert.match(new TextDecoder().decode(stderr), /Cannot reach http:\/\/127\.0\.0\.1:1\/livez: /);
});
