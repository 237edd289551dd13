/** What a trickle server may hold, and how many connections it takes, said on the command line. */

import assert from "node:assert/strict";
import { DEFAULT_CONNECTION_LIMITS } from "../../../src/base/net/connection_limits.ts";
import {
  trickleConnections,
  type TrickleLimitFlags,
  trickleLimits,
} from "../../../src/cli/options/trickle_limits.ts";
import { DEFAULT_TRICKLE_LIMITS } from "../../../src/trickle/mod.ts";
import { within } from "../../waiting.ts";
import { CommandHere, runHere } from "../command_here.ts";

const MIB = 1024 * 1024;

/** Starts a server in this process, uses it, and ends it. */
async function withServer(
  { args = [], env = {} }: {
    readonly args?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
  },
  use: (url: string) => Promise<void>,
): Promise<void> {
  await using command = new CommandHere(["trickle-server", "--port", "0", ...args], { env });
  const [, url] = await command.waitFor(/ready on (http:\S+)/);
  await use(url!);
}

async function post(url: string, bytes?: number): Promise<number> {
  const body = bytes === undefined ? {} : { body: new Uint8Array(bytes) };
  const response = await fetch(url, { method: "POST", ...body });
  await response.body?.cancel();
  return response.status;
}

Deno.test("limits on channels and names come from flags and the environment", async () => {
  const args = ["--max-channels", "3", "--max-name-length", "5"];
  const env = { RUNNEL_TRICKLE_MAX_CHANNELS_PER_CLIENT: "2" };
  await withServer({ args, env }, async (url) => {
    assert.deepEqual([await post(`${url}a`), await post(`${url}b`)], [200, 200]);
    assert.equal(await post(`${url}c`), 429);
    assert.equal(await post(`${url}longer`), 400);
  });
});

Deno.test("limits on memory come from flags and the environment", async () => {
  const cases: [args: string[], bytes: number, status: number][] = [
    [["--max-segment-size", "1"], MIB, 200],
    [["--max-segment-size", "1"], MIB + 1, 413],
    [["--max-channel-memory", "2"], 3 * MIB, 413],
    [["--max-memory-per-client", "2"], 3 * MIB, 413],
    [["--max-memory", "2"], 3 * MIB, 413],
    [["--max-memory", "4"], 3 * MIB, 413],
    [["--max-memory", "4", "--max-memory-per-client", "4"], 3 * MIB, 200],
  ];
  for (const [args, bytes, status] of cases) {
    await withServer({ args }, async (url) => {
      assert.equal(await post(`${url}a/0`, bytes), status, args.join(" "));
    });
  }
  const env = { RUNNEL_TRICKLE_MAX_SEGMENT_SIZE: "1" };
  await withServer({ env }, async (url) => assert.equal(await post(`${url}a/0`, 2 * MIB), 413));
});

Deno.test("connections that say nothing, begin a request or keep on idling are closed in time", async () => {
  const args = "--first-byte-timeout 0.05 --head-timeout 0.05 --keep-alive-timeout 0.05".split(" ");
  await withServer({ args }, async (url) => {
    const port = Number(new URL(url).port);
    const heads = ["", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"];
    await Promise.all(heads.map(async (head) => {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port });
      if (head !== "") await connection.write(new TextEncoder().encode(head));
      await within(untilClosed(connection), `the end of a connection after "${head}"`);
    }));
  });
});

async function untilClosed(connection: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(1024);
  try {
    while (await connection.read(buffer) !== null);
  } catch {
    // it was reset
  }
}

const ALL: Required<TrickleLimitFlags> = {
  maxChannels: 10,
  maxChannelsPerClient: 2,
  maxNameLength: 3,
  maxSegmentSize: 4,
  maxChannelMemory: 5,
  maxMemory: 7,
  maxMemoryPerClient: 6,
  maxRequestsPerClient: 14,
  maxConnections: 9,
  maxConnectionsPerClient: 8,
  firstByteTimeout: 10,
  headTimeout: 11,
  keepAliveTimeout: 12,
  writeTimeout: 13,
};

Deno.test("there is an option for every limit, and each sets its own", () => {
  const open = { isShared: false };
  assert.deepEqual(trickleLimits(ALL, open), {
    maxChannels: 10,
    maxChannelsPerClient: 2,
    maxNameLength: 3,
    maxSegmentBytes: 4,
    maxChannelBytes: 5,
    maxTotalBytes: 7,
    maxBytesPerClient: 6,
    maxRequestsPerClient: 14,
  });
  assert.deepEqual(trickleConnections(ALL, open), {
    maxConnections: 9,
    maxConnectionsPerClient: 8,
    firstByteTimeoutMs: 10,
    headTimeoutMs: 11,
    idleTimeoutMs: 12,
    writeTimeoutMs: 13,
  });
  const keys = (limits: object | undefined): string[] => Object.keys(limits ?? {}).sort();
  assert.deepEqual(keys(trickleLimits(ALL, open)), keys(DEFAULT_TRICKLE_LIMITS));
  assert.deepEqual(
    keys(trickleConnections(ALL, { isShared: true })),
    keys(DEFAULT_CONNECTION_LIMITS),
  );
});

Deno.test("a server for more than one party limits connections by itself, another one does not", () => {
  const shared = { isShared: true };
  const open = { isShared: false };
  assert.equal(trickleConnections({}, open), undefined);
  assert.deepEqual(trickleLimits({}, open), {});
  assert.deepEqual(trickleLimits({}, shared), { maxRequestsPerClient: 512 });
  assert.deepEqual(trickleLimits({ maxConnections: 9 }, shared), { maxRequestsPerClient: 5 });
  assert.deepEqual(trickleLimits({ maxConnections: 0 }, shared), {});
  assert.deepEqual(trickleConnections({}, shared), {
    maxConnections: 1024,
    maxConnectionsPerClient: 512,
  });
  assert.equal(trickleConnections({ maxConnections: 0 }, shared), undefined);
  assert.deepEqual(trickleConnections({ maxConnectionsPerClient: 2000 }, shared), {
    maxConnections: 2000,
    maxConnectionsPerClient: 2000,
  });
  assert.deepEqual(trickleConnections({ writeTimeout: 5 }, open), {
    maxConnections: 65_536,
    maxConnectionsPerClient: 65_536,
    writeTimeoutMs: 5,
  });
});

Deno.test("a limit that cannot be is an error that names the option", async () => {
  const cases: [string[], number, RegExp][] = [
    [["--max-channels", "0"], 2, /--max-channels <n>.*Use a whole number from 1 to/],
    [["--max-memory", "1.5"], 2, /--max-memory <MiB>.*Use a whole number from 1 to/],
    [["--head-timeout", "0"], 2, /--head-timeout <seconds>.*Use a number above 0/],
    [["--write-timeout", "100000"], 2, /--write-timeout <seconds>.*Use up to 86400 seconds/],
    [
      ["--max-segment-size", "300"],
      1,
      /Cannot set --max-segment-size to 300 MiB: --max-channel-memory is 256 MiB; lower the one/,
    ],
    [
      ["--max-channel-memory", "40", "--max-memory", "60"],
      1,
      /Cannot set --max-channel-memory to 40 MiB: --max-memory-per-client is 30 MiB/,
    ],
    [
      ["--max-memory-per-client", "61", "--max-memory", "60"],
      1,
      /Cannot set --max-memory-per-client to 61 MiB: --max-memory is 60 MiB/,
    ],
    [
      ["--max-channels-per-client", "5", "--max-channels", "4"],
      1,
      /Cannot set --max-channels-per-client to 5: --max-channels is 4/,
    ],
    [
      ["--max-connections-per-client", "5", "--max-connections", "4"],
      1,
      /Cannot set --max-connections-per-client to 5: --max-connections is 4/,
    ],
    [
      ["--max-connections", "0", "--head-timeout", "5"],
      1,
      /Cannot heed --head-timeout with --max-connections 0/,
    ],
  ];
  for (const [args, expected, message] of cases) {
    const { code, stderr } = await runHere(["trickle-server", "--port", "0", ...args]);
    assert.equal(code, expected, args.join(" "));
    assert.match(stderr, message);
  }
  const env = { RUNNEL_TRICKLE_MAX_CHANNELS: "many" };
  const { code, stderr } = await runHere(["trickle-server", "--port", "0"], { env });
  assert.equal(code, 2);
  assert.match(stderr, /'many' from env 'RUNNEL_TRICKLE_MAX_CHANNELS'/);
});
