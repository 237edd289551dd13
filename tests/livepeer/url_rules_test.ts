/** Where an orchestrator's address, and the addresses that it names, may lead. */

import assert from "node:assert/strict";
import {
  LiveRunnerSession,
  registerCapability,
  registrationFromEnvironment,
  UrlPolicy,
} from "../../src/livepeer/mod.ts";
import { TrickleServer } from "../../src/trickle/mod.ts";
import { until } from "../waiting.ts";
import { FakeOrchestrator, FakeWorker, SECRET } from "./fake_orchestrator.ts";

const REFUSED = /is not where requests may lead; see allowUrls/;
const elsewhere = new UrlPolicy({ allow: ["orchestrator.example.com", "10.0.0.0/8"] });

for (const kind of ["byoc", "live-runner"] as const) {
  Deno.test(`${kind}: an orchestrator that is not allowed hears nothing`, async () => {
    await using orchestrator = new FakeOrchestrator();
    const variables: Readonly<Record<string, string>> = {
      ORCH_URL: orchestrator.url,
      ORCH_SECRET: SECRET,
    };
    await using registration = registrationFromEnvironment(kind, {
      get: (name) => variables[name],
      defaults: { name: "n", capacity: 1, pipeline: "p", modelId: "m", version: "1" },
      urls: elsewhere,
    });
    registration!.start(new FakeWorker());
    await until(() => registration!.status.failures > 0, "the registration that fails");
    assert.match(registration!.status.lastError ?? "", REFUSED);
    assert.deepEqual(orchestrator.requests, []);
  });
}

Deno.test("registerCapability() asks no metadata address, whatever it is called", async () => {
  const registration = { orchestratorSecret: SECRET, name: "n", urls: new UrlPolicy() };
  for (const host of ["169.254.169.254", "[fd00:ec2::254]", "2852039166"]) {
    const orchestratorUrl = `http://${host}/`;
    await assert.rejects(registerCapability({ ...registration, orchestratorUrl }), REFUSED);
  }
});

Deno.test("the channel that an orchestrator names is followed only where that is allowed", async () => {
  await using trickle = new TrickleServer();
  trickle.listen();
  trickle.createChannel("o2r", "application/json");
  await using orchestrator = new FakeOrchestrator();
  orchestrator.heartbeatInterval = "1s";
  const variables: Readonly<Record<string, string>> = {
    ORCH_URL: orchestrator.url,
    ORCH_SECRET: SECRET,
  };
  orchestrator.o2rUrl = trickle.channelUrl("o2r");
  await using registration = registrationFromEnvironment("live-runner", {
    get: (name) => variables[name],
    defaults: { name: "n", capacity: 1, pipeline: "p", modelId: "m", version: "1" },
    urls: new UrlPolicy({ allow: [`127.0.0.1:${orchestrator.port}`] }),
  });
  registration!.start(new FakeWorker());
  await until(() => orchestrator.requests.length > 1, "a second heartbeat");
  assert.equal(trickle.stats.requests, 0);
});

Deno.test("a session calls back only where that is allowed: a request names the address", async () => {
  await using orchestrator = new FakeOrchestrator();
  const headers = { sessionId: "s", token: "t", controlUrl: orchestrator.url, route: undefined };
  using session = new LiveRunnerSession(headers, { urls: elsewhere });
  await assert.rejects(session.stop(), REFUSED);
  assert.deepEqual(orchestrator.requests, []);
});
