/** The smallest permissions of a worker that has to do with certificates, secrets and models of others. */

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { externalDataModel } from "../../scripts/build_models.ts";
import { FakeOrchestrator, SECRET } from "../livepeer/fake_orchestrator.ts";
import { selfSigned, signedBySelfSigned } from "../trickle/certificates.ts";
import { until } from "../waiting.ts";
import { makeTestClip, shownTicks } from "./clips.ts";
import { decodeVideo } from "./decoding.ts";
import { Chain } from "./harness.ts";
import { assertNotRefused } from "./permissions.ts";

const TOKEN = "token-of-the-worker-8812";

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function assertWhole(chain: Chain): Promise<void> {
  const clip = await makeTestClip({ width: 96, height: 64, seconds: 1, audio: true });
  const { bytes } = await chain.run(clip);
  assert.equal((await decodeVideo(bytes)).length, shownTicks(clip).length);
  assert.equal((await chain.metrics()).error_count, 0);
  assertNotRefused(chain.worker.log);
}

for (const [isolate, registration] of [["none", "byoc"], ["process", "live-runner"]] as const) {
  const how = `--isolate ${isolate} and --registration ${registration}`;
  Deno.test(`the smallest permissions serve an authority and secrets in files, with ${how}`, () =>
    inFolder(async (folder) => {
      await selfSigned(folder);
      const tls = await signedBySelfSigned(folder);
      await Deno.writeTextFile(`${folder}/token`, TOKEN);
      await Deno.writeTextFile(`${folder}/secret`, SECRET);
      await using orchestrator = new FakeOrchestrator({ tls });
      const env = {
        ORCH_URL: orchestrator.url.replace("127.0.0.1", "localhost"),
        ORCH_SECRET_FILE: `${folder}/secret`,
        CAPABILITY_NAME: "grey",
      };
      await using chain = await Chain.startWith(
        { permissions: "smallest", tls, env, token: TOKEN },
        ...["--tls-ca", `${folder}/ca.pem`, "--token-file", `${folder}/token`],
        ...["--registration", registration, "--isolate", isolate, "--processor", "grayscale"],
      );
      const registered = registration === "byoc" ? orchestrator.capabilities : orchestrator.runners;
      await until(() => registered.size === 1, "the registration");
      await assertWhole(chain);
      assert.equal(await chain.worker.stop(), 0);
      assert.equal(registered.size, 0);
    }));
}

for (const how of ["--tls=insecure", "--tls-pin", "--tls-insecure-hosts=127.0.0.1"]) {
  Deno.test(`the smallest permissions serve channels with certificates of their own, with ${how}`, () =>
    inFolder(async (folder) => {
      const tls = await selfSigned(folder);
      const pin = new X509Certificate(tls.cert).fingerprint256;
      const flag = how === "--tls-pin" ? `${how}=${pin}` : how;
      await using chain = await Chain.startWith({ permissions: "smallest", tls }, flag);
      await assertWhole(chain);
    }));
}

for (const isolate of ["none", "process"]) {
  Deno.test(`the smallest permissions serve a model of a URL, with --isolate ${isolate}`, () =>
    inFolder(async (folder) => {
      const { model, dataPath, data } = externalDataModel("weights/of.bin");
      await using server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        (request) => new Response((request.url.endsWith(dataPath) ? data : model).slice()),
      );
      await using chain = await Chain.startWith(
        { permissions: "smallest", env: { RUNNEL_CACHE_DIR: `${folder}/cache` } },
        ...["--model", `http://localhost:${server.addr.port}/apart.onnx`],
        ...["--model-options", '{"provider":"wasm"}', "--isolate", isolate],
      );
      await assertWhole(chain);
    }));
}

Deno.test("with the smallest permissions, codecs of a card are tried where its driver may be there", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/nvidia-smi`, "#!/bin/sh\nexit 9\n", { mode: 0o755 });
    await using chain = await Chain.startWith(
      {
        permissions: "smallest",
        env: { PATH: `${folder}:${Deno.env.get("PATH")}`, NVIDIA_VISIBLE_DEVICES: "" },
      },
      ...["--hardware", "auto", "--processor", "grayscale", "--log-level", "info"],
    );
    const tried = /Video is decoded (?:and encoded )?by (?:software|cuda)/;
    assert.ok(chain.worker.log.some((line) => tried.test(line)), chain.worker.log.join("\n"));
    await assertWhole(chain);
  }));
