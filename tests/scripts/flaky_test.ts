import assert from "node:assert/strict";
import { repeatTests, tableOf } from "../../scripts/flaky.ts";
import { withProject } from "./temp_project.ts";

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
    return tableOf(await repeatTests({ root, name: "holds", times: 3, load: 1, print }));
  });
  assert.deepEqual(table.slice(2).map((row) => row.split(" | ").slice(0, 3).join(" | ")), [
    "| tests/a_test.ts => holds | 3 | 0",
    "| tests/a_test.ts => holds not always | 3 | 1",
  ]);
  assert.match(printed.join(), /round 2 of 3\n[^]*the second time/);
});

Deno.test("repeatTests() takes a file", async () => {
  const results = await withProject(
    FILES,
    (root) => repeatTests({ root, name: "tests/b_test.ts", times: 2, load: 0, print: () => {} }),
  );
  assert.deepEqual([...results].map(([key, runs]) => [key, runs.length]), [
    ["tests/b_test.ts => other", 2],
  ]);
});
