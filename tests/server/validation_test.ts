import assert from "node:assert/strict";
import { StreamServer } from "../../src/server/mod.ts";
import { startTestServer, TestProcessor, type TestServer } from "./fake_session.ts";

/** The parameters of a body, what the session gets of them, or what the refusal must name. */
const PARAMS: readonly [
  given: unknown,
  expected: { readonly kept: unknown } | { readonly refused: RegExp },
][] = [
  [undefined, { kept: {} }],
  [null, { kept: {} }],
  [{}, { kept: {} }],
  ["", { kept: {} }],
  ["null", { kept: {} }],
  [{ strength: 0.5, prompt: { text: "x" } }, { kept: { strength: 0.5, prompt: { text: "x" } } }],
  ['{"strength":1,"width":"64","height":64}', { kept: { strength: 1, width: 64, height: 64 } }],
  [[], { refused: /params must be a JSON object/ }],
  ["[1]", { refused: /params must be a JSON object/ }],
  ["{broken", { refused: /params must be a JSON object/ }],
  [7, { refused: /params must be a JSON object/ }],
  [true, { refused: /params must be a JSON object/ }],

  [{ width: 512, height: 384 }, { kept: { width: 512, height: 384 } }],
  [{ width: "512", height: 384.0 }, { kept: { width: 512, height: 384 } }],
  [{ width: 512 }, { refused: /height must be given together with width/ }],
  [{ height: 512 }, { refused: /width must be given together with height/ }],
  [{ width: 0, height: 512 }, { refused: /params\.width .* not 0/ }],
  [{ width: -512, height: 512 }, { refused: /params\.width .* not -512/ }],
  [{ width: 512, height: "-1" }, { refused: /params\.height .* not "-1"/ }],
  [{ width: 512.5, height: 512 }, { refused: /params\.width .* not 512\.5/ }],
  [{ width: "512.5", height: 512 }, { refused: /params\.width/ }],
  [{ width: "wide", height: 512 }, { refused: /params\.width .* not "wide"/ }],
  [{ width: "", height: 512 }, { refused: /params\.width/ }],
  [{ width: "0x200", height: 512 }, { refused: /params\.width/ }],
  [{ width: "1e3", height: 512 }, { refused: /params\.width/ }],
  [{ width: true, height: 512 }, { refused: /params\.width .* not true/ }],
  [{ width: null, height: 512 }, { refused: /params\.width .* not null/ }],
  [{ width: [512], height: 512 }, { refused: /params\.width/ }],
  [{ width: {}, height: {} }, { refused: /params\.width .*; params\.height/ }],
  [{ width: 1_000_000, height: 512 }, { refused: /params\.width .* 16384/ }],

  [{ max_framerate: 1 }, { kept: { max_framerate: 1 } }],
  [{ max_framerate: 60 }, { kept: { max_framerate: 60 } }],
  [{ max_framerate: "30" }, { kept: { max_framerate: 30 } }],
  [{ max_framerate: 24.0 }, { kept: { max_framerate: 24 } }],
  [{ max_framerate: 0 }, { refused: /max_framerate must be a whole number from 1 to 60, not 0/ }],
  [{ max_framerate: -5 }, { refused: /max_framerate/ }],
  [{ max_framerate: 61 }, { refused: /max_framerate/ }],
  [{ max_framerate: "61" }, { refused: /max_framerate/ }],
  [{ max_framerate: 29.97 }, { refused: /max_framerate/ }],
  [{ max_framerate: "fast" }, { refused: /max_framerate .* not "fast"/ }],
  [{ max_framerate: false }, { refused: /max_framerate/ }],
  [{ max_framerate: null }, { refused: /max_framerate/ }],

  [{ detect_out_resolution: true }, { kept: { detect_out_resolution: true } }],
  [{ detect_out_resolution: "TRUE" }, { kept: { detect_out_resolution: true } }],
  [{ detect_out_resolution: "Yes" }, { kept: { detect_out_resolution: true } }],
  [{ detect_out_resolution: "1" }, { kept: { detect_out_resolution: true } }],
  [{ detect_out_resolution: 2 }, { kept: { detect_out_resolution: true } }],
  [{ detect_out_resolution: false }, { kept: { detect_out_resolution: false } }],
  [{ detect_out_resolution: "False" }, { kept: { detect_out_resolution: false } }],
  [{ detect_out_resolution: "NO" }, { kept: { detect_out_resolution: false } }],
  [{ detect_out_resolution: "0" }, { kept: { detect_out_resolution: false } }],
  [{ detect_out_resolution: 0 }, { kept: { detect_out_resolution: false } }],
  [{ detect_out_resolution: "maybe" }, { refused: /detect_out_resolution .* not "maybe"/ }],
  [{ detect_out_resolution: "" }, { refused: /detect_out_resolution/ }],
  [{ detect_out_resolution: 0.5 }, { refused: /detect_out_resolution/ }],
  [{ detect_out_resolution: null }, { refused: /detect_out_resolution/ }],
  [{ detect_out_resolution: [] }, { refused: /detect_out_resolution/ }],

  [{ show_loading: true }, { kept: { show_loading: true } }],
  [{ show_loading: "true" }, { kept: { show_loading: true } }],
  [{ show_loading: "false" }, { kept: { show_loading: false } }],
  [{ show_loading: "yes" }, { refused: /show_loading must be true or false, not "yes"/ }],
  [{ show_loading: 1 }, { refused: /show_loading/ }],
  [{ tone_map: "false" }, { kept: { tone_map: false } }],
  [{ tone_map: 2 }, { refused: /tone_map/ }],
];

const CHANNELS = ["subscribe_url", "publish_url", "control_url", "events_url", "data_url"];

function nextStart(extra: Record<string, unknown> = {}): Record<string, unknown> {
  return { gateway_request_id: "job-1", ...extra };
}

async function endStream({ call, sessions }: TestServer): Promise<void> {
  const answer = await call("POST", "/api/stream/stop");
  assert.equal(answer.status, 200);
  sessions.length = 0;
}

Deno.test("start keeps, normalises or refuses every parameter as the contract says", async () => {
  await using test = await startTestServer();
  for (const [params, expected] of PARAMS) {
    const answer = await test.call("POST", "/api/stream/start", nextStart({ params }));
    const label = `params ${JSON.stringify(params)}: ${JSON.stringify(answer.body)}`;
    if ("kept" in expected) {
      assert.equal(answer.status, 200, label);
      assert.deepEqual(test.sessions[0]?.request.params, expected.kept, label);
      await endStream(test);
    } else {
      assert.equal(answer.status, 400, label);
      assert.equal(answer.body.status, "error", label);
      assert.match(answer.body.message, expected.refused, label);
      assert.equal(answer.body.current_state.state, "IDLE", label);
      assert.equal(test.sessions.length, 0, label);
    }
  }
});

Deno.test("an update accepts the parameters flat and wrapped, by the same rules", async () => {
  await using test = await startTestServer();
  assert.equal((await test.call("POST", "/stream/start", nextStart())).status, 200);
  const session = test.sessions[0]!;
  for (const [params, expected] of PARAMS) {
    const bodies: unknown[] = [{ params: params ?? null }];
    if (typeof params === "object" && params !== null && !Array.isArray(params)) {
      bodies.push(params);
    }
    for (const body of bodies) {
      const answer = await test.call("POST", "/api/stream/params", body);
      const label = `body ${JSON.stringify(body)}: ${JSON.stringify(answer.body)}`;
      if ("kept" in expected) {
        assert.equal(answer.status, 200, label);
        assert.equal(answer.body.status, "success", label);
        assert.deepEqual(session.updates.splice(0), [expected.kept], label);
      } else {
        assert.equal(answer.status, 400, label);
        assert.deepEqual(session.updates, [], label);
      }
    }
  }
});

Deno.test("an update refuses a body that is no object", async () => {
  await using test = await startTestServer();
  await test.call("POST", "/stream/start", nextStart());
  for (const body of ["[]", "7", "null", '"text"', "true"]) {
    const answer = await test.call("POST", "/stream/params", body);
    assert.equal(answer.status, 400, body);
    assert.match(answer.body.message, /must be a JSON object/, body);
  }
});

Deno.test("start refuses a body without gateway_request_id or that is no object", async () => {
  await using test = await startTestServer();
  const cases: [string, RegExp][] = [
    ["{}", /gateway_request_id is required/],
    ['{"gateway_request_id":null}', /gateway_request_id must be a string, not null/],
    ['{"gateway_request_id":5}', /gateway_request_id must be a string, not 5/],
    ['{"gateway_request_id":""}', /gateway_request_id must not be empty/],
    ["[]", /must be a JSON object/],
    ["null", /must be a JSON object/],
    ['"text"', /must be a JSON object/],
  ];
  for (const [body, message] of cases) {
    const answer = await test.call("POST", "/api/stream/start", body);
    assert.equal(answer.status, 400, body);
    assert.match(answer.body.message, message, body);
  }
});

Deno.test("start takes absolute http and https URLs, and null, empty or no URL as none", async () => {
  await using test = await startTestServer();
  for (const channel of CHANNELS) {
    for (const url of ["http://127.0.0.1:2939/a", "https://orch.example/ai/trickle/x"]) {
      const answer = await test.call("POST", "/stream/start", nextStart({ [channel]: url }));
      assert.equal(answer.status, 200, `${channel} ${url}`);
      await endStream(test);
    }
    for (const none of [null, "", undefined]) {
      const answer = await test.call("POST", "/stream/start", nextStart({ [channel]: none }));
      assert.equal(answer.status, 200, `${channel} ${none}`);
      assert.equal(test.sessions[0]?.request.subscribeUrl, undefined);
      assert.equal(test.sessions[0]?.request.publishUrl, undefined);
      await endStream(test);
    }
    for (
      const bad of [
        ...["/relative", "orch/a", "ftp://h/a", "file:///a", "http://", 5, true, {}],
        ...[
          "http:name",
          "http:/name",
          "https:///name",
          " http://h/a",
          "http://h/\na",
          "http://h:x/",
        ],
      ]
    ) {
      const answer = await test.call("POST", "/stream/start", nextStart({ [channel]: bad }));
      assert.equal(answer.status, 400, `${channel} ${JSON.stringify(bad)}`);
      assert.match(answer.body.message, new RegExp(`${channel} must be an absolute http`));
    }
  }
});

Deno.test("start accepts unknown keys and hands the channels to the session", async () => {
  await using test = await startTestServer();
  const answer = await test.call(
    "POST",
    "/api/stream/start",
    nextStart({
      subscribe_url: "http://h/in",
      publish_url: "http://h/in-out",
      stream_id: "s1",
      stream_name: "camera",
      manifest: { any: ["thing"] },
    }),
  );
  assert.equal(answer.status, 200);
  const { request } = test.sessions[0]!;
  assert.equal(request.id, "job-1");
  assert.equal(request.subscribeUrl, "http://h/in");
  assert.equal(request.publishUrl, "http://h/in-out");
});

Deno.test("URLs of streams lead to no link-local address, or only where they are allowed to", async () => {
  const starts = async (test: TestServer, field: string, url: string) => {
    const { status, body } = await test.call("POST", "/stream/start", {
      gateway_request_id: "s",
      [field]: url,
    });
    if (status === 200) await test.call("POST", "/stream/stop");
    return { status, message: String(body["message"]) };
  };
  {
    await using test = await startTestServer();
    for (const field of CHANNELS) {
      const { status, message } = await starts(test, field, "http://169.254.169.254/latest");
      assert.equal(status, 400);
      assert.equal(
        message,
        `Cannot start stream s: ${field} leads to a host that streams of this worker may not use`,
      );
    }
    assert.equal((await starts(test, "publish_url", "http://127.0.0.1:1/c")).status, 200);
    assert.equal(test.sessions.length, 1);
  }
  await using test = await startTestServer({ allowUrls: ["127.0.0.1:2939", "*.example.com"] });
  for (
    const [url, status] of [
      ["http://127.0.0.1:2939/c", 200],
      ["http://127.0.0.1:2940/c", 400],
      ["http://[::1]:2939/c", 400],
      ["http://127.0.0.1:2939@[::1]/c", 400],
      ["http://[::1]/#127.0.0.1:2939", 400],
    ] as const
  ) {
    assert.equal((await starts(test, "subscribe_url", url)).status, status, url);
  }
  assert.throws(() => new StreamServer({ processor: new TestProcessor(), allowUrls: ["a b"] }), {
    code: "CONFIG_INVALID",
  });
});
