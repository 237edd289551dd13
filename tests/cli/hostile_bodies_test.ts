import assert from "node:assert/strict";
import { until, within } from "../waiting.ts";
import { CommandProcess } from "./command_process.ts";

const CLIENTS = 100;
const BODY_BYTES = 15 << 20;
/** Buffers of connections; with bodies that are read it was more than a GiB. */
const MAX_GROWTH_BYTES = 150 << 20;

async function residentBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

/** Sends a large body for as long as the server takes it, and gives the status of the answer. */
async function sendLarge(port: number, headers: readonly string[]): Promise<string | undefined> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const head = [
    "POST /stream/start HTTP/1.1",
    "Host: localhost",
    "Content-Type: application/json",
    `Content-Length: ${BODY_BYTES}`,
    ...headers,
  ];
  const writing = (async () => {
    try {
      await connection.write(new TextEncoder().encode([...head, "", ""].join("\r\n")));
      const piece = new Uint8Array(1 << 16).fill(0x20);
      for (let sent = 0; sent < BODY_BYTES;) sent += await connection.write(piece);
    } catch {
      // The server has closed.
    }
  })();
  let answer = "";
  try {
    const buffer = new Uint8Array(4096);
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) break;
      answer += new TextDecoder().decode(buffer.subarray(0, count));
    }
  } catch {
    // It was cut while we were still sending.
  }
  connection.close();
  await writing;
  return /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1];
}

Deno.test({
  name: "100 large bodies take no memory, refused or not; one that breaks off is no error",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using command = new CommandProcess(
      [
        "serve",
        ...["--host", "127.0.0.1", "--port", "0", "--warm-ffmpeg", "0", "--log-level", "debug"],
      ],
      { env: { CAPABILITY_TOKEN: "s3cret" } },
    );
    const [, url] = await command.waitFor(/Serving .* on (http:\S+)/);
    const port = Number(new URL(url!).port);
    const before = await residentBytes(command.pid);
    let highest = before;
    for (
      const [headers, status] of [[[], "401"], [["Authorization: Bearer s3cret"], "413"]] as const
    ) {
      const flood = Promise.all(Array.from({ length: CLIENTS }, () => sendLarge(port, headers)));
      let isOver = false;
      flood.finally(() => isOver = true);
      await until(async () => {
        highest = Math.max(highest, await residentBytes(command.pid));
        return isOver;
      }, "the end of the flood");
      const answers = await within(flood, "the answers");
      assert.ok(answers.includes(status), `${answers}`);
      assert.ok(answers.every((each) => each === undefined || each === status), `${answers}`);
    }
    const grown = highest - before;
    assert.ok(grown < MAX_GROWTH_BYTES, `grew by ${Math.round(grown / 2 ** 20)} MiB`);
    {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port });
      const head = "POST /stream/start HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n" +
        "Authorization: Bearer s3cret\r\n\r\n{";
      await connection.write(new TextEncoder().encode(head));
    }
    await command.waitFor(/DEBUG server: The body of POST \/stream\/start broke off/);
    command.kill("SIGTERM");
    const { code, stderr } = await command.result();
    assert.equal(code, 0);
    assert.doesNotMatch(stderr, /ERROR/);
  },
});
