import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parse } from "npm:yaml@2.8.1";
import { z } from "zod";
import { runHere } from "../cli/command_here.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDER = `${ROOT}/examples/livepeer`;
/** Read by the registration, which has no flags for them. */
const REGISTRATION_VARIABLES = [
  "ORCH_URL",
  "ORCH_SECRET",
  "CAPABILITY_DESCRIPTION",
  "CAPABILITY_URL",
  "CAPABILITY_PRICE_PER_UNIT",
  "CAPABILITY_PRICE_SCALING",
  "CAPABILITY_CURRENCY",
];

const Service = z.strictObject({
  image: z.string().regex(/^[a-z/-]+:(?!latest)\S+$/),
  build: z.strictObject({ context: z.string().optional(), target: z.string() }).optional(),
  command: z.array(z.string()).optional(),
  depends_on: z.array(z.string()).optional(),
  // Null passes on what is set where compose is run.
  environment: z.record(z.string(), z.string().nullable()).default({}),
  volumes: z.array(z.string()).optional(),
  ports: z.array(z.string()).optional(),
  stop_grace_period: z.string().optional(),
  read_only: z.boolean().optional(),
  tmpfs: z.array(z.string()).optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  deploy: z.unknown().optional(),
});
const Compose = z.strictObject({
  name: z.string().optional(),
  services: z.record(z.string(), Service.partial({ image: true })),
  volumes: z.record(z.string(), z.null()).optional(),
});

async function compose(file: string): Promise<z.infer<typeof Compose>> {
  return Compose.parse(parse(await Deno.readTextFile(`${FOLDER}/${file}`)));
}

async function serveHelp(): Promise<string> {
  const { stdout } = await runHere(["serve", "--help"]);
  return stdout.replace(/\s+/g, " ");
}

Deno.test("compose.yaml pins its images and names only services and files that are there", async () => {
  const { services, volumes } = await compose("compose.yaml");
  assert.deepEqual(Object.keys(services).sort(), ["gateway", "mediamtx", "orchestrator", "worker"]);
  for (const [name, service] of Object.entries(services)) {
    assert.ok(service.image !== undefined, name);
    for (const other of service.depends_on ?? []) assert.ok(other in services, `${name}: ${other}`);
    for (const volume of service.volumes ?? []) {
      const source = volume.split(":")[0] ?? "";
      if (source.startsWith(".")) await Deno.stat(`${FOLDER}/${source}`);
      else assert.ok(source in (volumes ?? {}), volume);
    }
  }
});

Deno.test("the worker knows every variable and flag of compose.yaml", async () => {
  const help = await serveHelp();
  for (const file of ["compose.yaml", "compose.nvidia.yaml"]) {
    const worker = (await compose(file)).services["worker"];
    assert.ok(worker !== undefined);
    for (const name of Object.keys(worker.environment)) {
      const known = help.includes(`env: ${name})`) || REGISTRATION_VARIABLES.includes(name);
      assert.ok(known, `${name} of ${file}`);
    }
    for (const flag of worker.command?.filter((word) => word.startsWith("--")) ?? []) {
      assert.ok(help.includes(`${flag} <`), `${flag} of ${file}`);
    }
  }
});

Deno.test("the variables without a flag are those that the registration reads", async () => {
  const source = await Deno.readTextFile(`${ROOT}/src/livepeer/environment.ts`);
  for (const name of REGISTRATION_VARIABLES) assert.ok(source.includes(`${name}:`), name);
});

Deno.test("the worker's build targets are stages of the Dockerfile", async () => {
  const dockerfile = await Deno.readTextFile(`${ROOT}/Dockerfile`);
  for (const file of ["compose.yaml", "compose.nvidia.yaml"]) {
    const target = (await compose(file)).services["worker"]?.build?.target.replace(
      /.*:-(\w+)}/,
      "$1",
    );
    assert.match(dockerfile, new RegExp(` AS ${target}$`, "m"));
  }
});

Deno.test("orchestrator and worker share secret and address", async () => {
  const { services } = await compose("compose.yaml");
  const { orchestrator, worker } = services;
  assert.ok(orchestrator?.command?.includes(`-orchSecret=${worker?.environment["ORCH_SECRET"]}`));
  const host = new URL(worker?.environment["ORCH_URL"] ?? "").host;
  assert.ok(orchestrator?.command?.includes(`-serviceAddr=${host}`));
});

Deno.test("no secret has a default, and the worker has no more rights than it needs", async () => {
  const text = await Deno.readTextFile(`${FOLDER}/compose.yaml`);
  for (const [use] of text.matchAll(/\$\{[A-Z_]*(?:SECRET|TOKEN|PASSWORD)[A-Z_]*[^}]*\}/g)) {
    assert.match(use, /:\?/, use);
  }
  const worker = (await compose("compose.yaml")).services["worker"];
  assert.equal(worker?.read_only, true);
  assert.deepEqual(worker?.tmpfs, ["/tmp"]);
  assert.deepEqual(worker?.cap_drop, ["ALL"]);
  assert.deepEqual(worker?.security_opt, ["no-new-privileges:true"]);
});
