import assert from "node:assert/strict";
import { runHere } from "./command_here.ts";
import { runToEnd } from "./command_process.ts";
import manifest from "../../deno.json" with { type: "json" };

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  "serve": ["PORT", "HOST", "CAPABILITY_NAME", "RUNNEL_PROCESSOR", "RUNNEL_TARGET_FPS"],
  "demo": ["RUNNEL_DEMO_INPUT", "RUNNEL_DEMO_OUTPUT", "RUNNEL_SECONDS", "RUNNEL_PROCESSOR"],
  "process": ["RUNNEL_PROCESSOR", "RUNNEL_PARAMS", "RUNNEL_PROCESS_SIZE"],
  "publish": ["RUNNEL_TEST_SIZE", "RUNNEL_TEST_FPS", "RUNNEL_LOOP", "RUNNEL_PUBLISH_TOKEN_FILE"],
  "doctor": [],
  "bench": [],
  "trickle-server": [
    "RUNNEL_TRICKLE_PORT",
    "RUNNEL_TRICKLE_HOST",
    "RUNNEL_TRICKLE_IDLE_TIMEOUT",
    "RUNNEL_TRICKLE_GRANTS_FILE",
    "RUNNEL_TRICKLE_MAX_MEMORY_PER_CLIENT",
  ],
  "trickle-url": ["RUNNEL_TRICKLE_SIGN_KEY_FILE", "RUNNEL_TRICKLE_URL_RIGHTS"],
  "subscribe": ["RUNNEL_SUBSCRIBE_START", "RUNNEL_SUBSCRIBE_TOKEN_FILE", "TRICKLE_TLS"],
};

Deno.test("--help names every command, on standard output with exit code 0", async () => {
  const { code, stdout, stderr } = await runHere(["--help"]);
  assert.equal(code, 0);
  assert.equal(stderr, "");
  for (const name of Object.keys(COMMANDS)) assert.match(stdout, new RegExp(`^  ${name} `, "m"));
});

Deno.test("the --help of each command names its options' environment variables", async () => {
  for (const [name, variables] of Object.entries(COMMANDS)) {
    const { code, stdout } = await runHere([name, "--help"]);
    assert.equal(code, 0);
    for (const variable of [...variables, "RUNNEL_LOG_LEVEL", "RUNNEL_LOG_FORMAT"]) {
      assert.ok(stdout.includes(variable), `${name}: ${variable}`);
    }
  }
});

Deno.test("--version prints the version of deno.json", async () => {
  const { code, stdout } = await runToEnd(["--version"]);
  assert.equal(code, 0);
  assert.equal(stdout, `${manifest.version}\n`);
});

Deno.test("a wrong command line is exit code 2, with the reason on standard error", async () => {
  const cases: [string[], RegExp][] = [
    [["frobnicate"], /unknown command 'frobnicate'/],
    [["trickle-servr"], /Did you mean trickle-server/],
    [["trickle-server", "--prot", "1"], /unknown option '--prot'/],
    [["trickle-server", "--port", "65536"], /Use a whole number from 0 to 65535/],
    [["trickle-server", "--port", "-1"], /port/],
    [["trickle-server", "extra"], /too many arguments/],
    [["trickle-server", "--idle-timeout", "0"], /Use a number above 0/],
    [["trickle-server", "--log-level", "loud"], /Allowed choices are debug, info/],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await runHere(args);
    assert.equal(code, 2, args.join(" "));
    assert.equal(stdout, "");
    assert.match(stderr, message);
  }
  const { code, stdout, stderr } = await runToEnd(cases[0]![0]);
  assert.deepEqual([code, stdout], [2, ""], "so it is as a process");
  assert.match(stderr, cases[0]![1]);
});

Deno.test("bench passes its names and options on to the measurements", async () => {
  const { code, stderr } = await runToEnd(["bench", "frobnication", "--runs", "2"]);
  assert.equal(code, 1);
  assert.match(stderr, /^Cannot bench frobnication: use latency/m);
});

Deno.test("a value from the environment is checked and named like one of the command line", async () => {
  const { code, stderr } = await runHere(["trickle-server"], {
    env: { RUNNEL_TRICKLE_PORT: "many" },
  });
  assert.equal(code, 2);
  assert.match(stderr, /'many' from env 'RUNNEL_TRICKLE_PORT'/);
});
