import assert from "node:assert/strict";
import {
  ByocRegistration,
  LiveRunnerRegistration,
  registrationFromEnvironment,
} from "../../src/livepeer/mod.ts";

const DEFAULTS = {
  name: "runnel",
  capacity: 2,
  pipeline: "byoc",
  modelId: "inverter",
  version: "1.0",
};

function from(kind: "byoc" | "live-runner" | "none", variables: Record<string, string>) {
  return registrationFromEnvironment(kind, { get: (name) => variables[name], defaults: DEFAULTS });
}

Deno.test("none needs no variable, the others those of the orchestrator", async () => {
  assert.equal(from("none", {}), undefined);
  const variables = { ORCH_URL: "https://orchestrator:8935", ORCH_SECRET: "s" };
  await using byoc = from("byoc", variables);
  assert.ok(byoc instanceof ByocRegistration);
  await using runner = from("live-runner", variables);
  assert.ok(runner instanceof LiveRunnerRegistration);
});

Deno.test("what is missing or wrong is named, and no value is said", () => {
  assert.throws(() => from("byoc", {}), {
    name: "ConfigError",
    message: "Cannot register as byoc: ORCH_URL is not set; ORCH_SECRET is not set",
  });
  assert.throws(
    () =>
      from("byoc", {
        ORCH_URL: "orchestrator-host:8935",
        ORCH_SECRET: "sssh",
        CAPABILITY_URL: "nowhere",
        CAPABILITY_PRICE_PER_UNIT: "free",
        CAPABILITY_PRICE_SCALING: "1.5",
      }),
    (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, /ORCH_URL must be an absolute http or https URL/);
      assert.match(error.message, /CAPABILITY_URL must be an absolute/);
      assert.match(error.message, /CAPABILITY_PRICE_PER_UNIT must be a number/);
      assert.match(error.message, /CAPABILITY_PRICE_SCALING must be a whole number/);
      assert.doesNotMatch(error.message, /sssh|nowhere|free|orchestrator-host/);
      return true;
    },
  );
});

Deno.test("the secret may be in a file, but not in both places", async () => {
  const path = await Deno.makeTempFile();
  try {
    const variables = { ORCH_URL: "https://orchestrator:8935", ORCH_SECRET_FILE: path };
    assert.throws(() => from("byoc", variables), /ORCH_SECRET_FILE from .*: it is empty/);
    await Deno.writeTextFile(path, "sssh\n");
    await using byoc = from("byoc", variables);
    assert.ok(byoc instanceof ByocRegistration);
    assert.throws(() => from("byoc", { ...variables, ORCH_SECRET: "other" }), {
      name: "ConfigError",
      message: /Cannot choose between ORCH_SECRET and ORCH_SECRET_FILE/,
    });
  } finally {
    await Deno.remove(path);
  }
});
