import assert from "node:assert/strict";
import type { LogRecord } from "@logtape/logtape";
import { formatJson, formatText } from "../../../src/cli/output/logging.ts";
import { Terminal } from "../../../src/cli/output/terminal.ts";
import { visibleLines, visibleText } from "../../../src/cli/output/visible_text.ts";
import { runHere } from "../command_here.ts";

/** Clears the screen, forges a line, sets the title with an 8-bit control, and turns the text around. */
const HOSTILE =
  "a\x1b[2J\r\n00:00:00.000 INFO  server: all is well\x9d0;title\x07\u202eb\u2028c\0d";

/** What a terminal acts on. */
// deno-lint-ignore no-control-regex -- they are what is looked for
const CONTROLS = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

function record(text: string): LogRecord {
  return {
    category: ["runnel", "codec"],
    level: "info",
    message: ["ffmpeg said: ", text, ""],
    rawMessage: "ffmpeg said: {text}",
    properties: { text, stream: `s${text}` },
    timestamp: 0,
  };
}

Deno.test("what others wrote is one line of a log, and does nothing to the terminal", () => {
  const line = formatText(record(HOSTILE));
  assert.doesNotMatch(line, CONTROLS);
  assert.ok(!line.includes("\n"));
  assert.match(line, /a\\u001b\[2J \| 00:00:00\.000 INFO {2}server: all is well\\u009d0;title/);
});

Deno.test("a JSON log line stays JSON, whatever others wrote", () => {
  const written: string[] = [];
  const terminal = new Terminal({
    isTerminal: () => false,
    writeSync: (bytes) => written.push(new TextDecoder().decode(bytes)) && bytes.length,
  });
  terminal.line(formatJson(record(HOSTILE)));
  const text = written.join("");
  assert.doesNotMatch(text, CONTROLS);
  assert.equal(text.indexOf("\n"), text.length - 1);
  assert.equal(JSON.parse(text).text, HOSTILE);
});

Deno.test("visibleText() leaves text of any language alone", () => {
  for (const text of ["каме́ра 1 📷", "שלום", "naïve \u{1f469}\u200d\u{1f4bb}", " a\u00a0b"]) {
    assert.equal(visibleText(text), text);
  }
  assert.equal(visibleLines("a\n\tb\rc"), "a\n\tb\\u000dc");
});

Deno.test("neither an error nor the line of a start shows controls or secrets", async () => {
  const name = "./no/\x1b[31msuch\nerror: forged.ts";
  const { code, stderr } = await runHere(["serve", "--port", "0", "--processor", name]);
  assert.equal(code, 1);
  assert.doesNotMatch(stderr, CONTROLS);
  assert.doesNotMatch(stderr, /^error: forged/m);
  const model = "http://me:pa55word@127.0.0.1:9/m.onnx?token=s3cret";
  const failed = await runHere(["process", "in.mp4", "/dev/null", "--model", model]);
  assert.equal(failed.code, 1);
  assert.doesNotMatch(failed.stderr, /s3cret|pa55word/);
});
