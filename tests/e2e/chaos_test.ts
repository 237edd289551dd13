import assert from "node:assert/strict";
import { testWith } from "../facilities.ts";
import { FAULTS } from "./chaos/faults.ts";
import { runChaos, tableOf } from "./chaos/run.ts";

const linuxTest = await testWith("linux");
/** `scripts/chaos.ts` makes as many as it is told. */
const FAULT_COUNT = 15;

linuxTest(
  `${FAULT_COUNT} faults cost four streams no frame that is not accounted for, nor the worker anything`,
  async () => {
    const report = await runChaos({ faults: FAULT_COUNT, seed: 20_260 });
    assert.deepEqual(report.broken, [], tableOf(report).join("\n"));
    assert.ok(report.pictures > 0);
    assert.equal(report.rows.reduce((sum, { count }) => sum + count, 0), FAULT_COUNT);
  },
);

Deno.test("every fault has a name of its own", () => {
  const names = FAULTS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});
