import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { repeatTests, tableOf } from "../../scripts/flaky.ts";
import { testWith } from "../facilities.ts";
import { until } from "../waiting.ts";
import { isRunning } from "./processes.ts";
import { withProject } from "./temp_project.ts";

const SCRIPT = new URL("../../scripts/flaky.ts", import.meta.url).pathname;
const linuxTest = await testWith("linux");

const { signal } = new AbortController();

const FILES = {
  "tests/a_test.ts": `Deno.test("holds", () => {});
    Deno.test("holds not always", () => {
      const count = Number(Deno.readTextFileSync("count"));
      Deno.writeTextFileSync("count", String(count + 1));
      if (count === 1) throw new Error("the second time");
    });`,
  "tests/b_test.ts": `Deno.test("other", () => {});`,
  "count": "0",
};

Deno.test("repeatTests() counts how often each test fails, beside endless loops", async () => {
  const printed: string[] = [];
  const table = await withProject(FILES, async (root) => {
    const print = (line: string): void => void printed.push(line);
    return tableOf(await repeatTests({ root, name: "holds", times: 3, load: 1, signal, print }));
  });
  assert.deepEqual(table.slice(2).map((row) => row.split(" | ").slice(0, 3).join(" | ")), [
    "| tests/a_test.ts => holds | 3 | 0",
    "| tests/a_test.ts => holds not always | 3 | 1",
  ]);
  assert.match(printed.join(), /round 2 of 3\n[^]*the second time/);
});

linuxTest("flaky.ts ends the tests that run when it is interrupted", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/hangs_test.ts`;
    await Deno.writeTextFile(
      file,
      `Deno.test("hangs", async () => {
        await Deno.writeTextFile("${folder}/new", String(Deno.pid));
        await Deno.rename("${folder}/new", "${folder}/pid");
        await new Promise((resolve) => setTimeout(resolve, 1e9));
      });`,
    );
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", SCRIPT, file, "--times", "2", "--load", "0"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until(() => existsSync(`${folder}/pid`), "the test");
    const pid = Number(await Deno.readTextFile(`${folder}/pid`));
    child.kill("SIGINT");
    assert.equal((await child.status).code, 1);
    await until(async () => !await isRunning(pid), "the end of the test");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("repeatTests() takes a file", async () => {
  const results = await withProject(
    FILES,
    (root) =>
      repeatTests({ root, name: "tests/b_test.ts", times: 2, load: 0, signal, print: () => {} }),
  );
  assert.deepEqual([...results].map(([key, runs]) => [key, runs.length]), [
    ["tests/b_test.ts => other", 2],
  ]);
});
