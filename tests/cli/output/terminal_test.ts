import assert from "node:assert/strict";
import { clock, progressLine } from "../../../src/cli/output/progress_bar.ts";
import { Terminal } from "../../../src/cli/output/terminal.ts";

/** Takes at most three bytes at a time, as a full pipe may. */
class Screen {
  text = "";
  readonly #interactive: boolean;

  constructor(interactive: boolean) {
    this.#interactive = interactive;
  }

  writeSync(bytes: Uint8Array): number {
    const taken = bytes.subarray(0, 3);
    this.text += new TextDecoder().decode(taken);
    return taken.length;
  }

  isTerminal(): boolean {
    return this.#interactive;
  }
}

Deno.test("a line goes above the status line, which is drawn again", () => {
  const screen = new Screen(true);
  const terminal = new Terminal(screen);
  terminal.status("half");
  terminal.line("a log line");
  assert.equal(screen.text, "\r\x1b[2Khalf\r\x1b[2Ka log line\nhalf");
  terminal.keepStatus();
  terminal.line("end");
  assert.ok(screen.text.endsWith("half\nend\n"));
});

Deno.test("without a terminal there are lines but no status", () => {
  const screen = new Screen(false);
  const terminal = new Terminal(screen);
  terminal.status("half");
  terminal.line("a log line");
  terminal.keepStatus();
  assert.equal(screen.text, "a log line\n");
});

Deno.test("a progress line shows share, rate and time left, and copes without a total", () => {
  assert.equal(
    progressLine({ frames: 150, totalFrames: 300, elapsedSeconds: 2 }),
    "[############------------]  50%  150/300 frames  75.0 fps  0:02 left",
  );
  assert.equal(
    progressLine({ frames: 310, totalFrames: 300, elapsedSeconds: 2 }),
    "[########################] 100%  310/300 frames  155.0 fps  0:00 left",
  );
  assert.match(progressLine({ frames: 0, totalFrames: 9, elapsedSeconds: 0 }), /-:-- left$/);
  assert.equal(
    progressLine({ frames: 90, totalFrames: undefined, elapsedSeconds: 3 }),
    "90 frames  30.0 fps  0:03",
  );
});

Deno.test("clock() writes minutes, and hours where there are any", () => {
  assert.deepEqual([0, 59.4, 61, 3600, 36_061].map(clock), [
    "0:00",
    "0:59",
    "1:01",
    "1:00:00",
    "10:01:01",
  ]);
});
