/**
 * Tests that need something of the machine. Where it is missing they are skipped, with the reason in
 * their name; where `RUNNEL_TEST_REQUIRE` names it (as `.ci/run` does), they fail instead.
 *
 * @module
 */

/** What a test may need, and a machine may lack. */
export type Facility = keyof typeof FACILITIES;

/** Registers a test that needs facilities. */
export type FacilityTest = (
  name: string,
  run: (t: Deno.TestContext) => void | Promise<void>,
) => void;

/** Each looks for one facility. Resolves to what is missing and what to do, `undefined` if it is there. */
const FACILITIES = {
  linux: () => missingUnless(Deno.build.os === "linux", "this needs Linux and its /proc"),
  gpu: async () => missingUnless(await findAdapter() !== null, "no WebGPU adapter; see `doctor`"),
  "software-gpu": async () =>
    missingUnless((await findAdapter())?.info.isFallbackAdapter === true, "no software Vulkan"),
  terminal: async () => {
    // Without a pseudo-terminal `script` fails before it runs the command.
    const opened = await runs(
      "script",
      "--quiet",
      "--return",
      "--command",
      "test -t 0",
      "/dev/null",
    );
    return missingUnless(opened, "no pseudo-terminal; mount /dev/pts and install bsdutils");
  },
  speech: async () =>
    missingUnless(await runs("espeak-ng", "--version"), "no espeak-ng; install it"),
} as const satisfies Record<string, () => Promise<string | undefined> | string | undefined>;

/** Names of facilities that must be there, separated by commas. */
const REQUIRE = "RUNNEL_TEST_REQUIRE";

/** Looks for facilities and gives a function that registers tests that need all of them. */
export async function testWith(...facilities: readonly Facility[]): Promise<FacilityTest> {
  for (const facility of facilities) {
    const missing = await FACILITIES[facility]();
    if (missing !== undefined) return testWithout(facility, missing);
  }
  return (name, run) => Deno.test(name, run);
}

/** Registers tests that miss a facility: they are skipped, or fail where it is required. */
export function testWithout(facility: string, missing: string): FacilityTest {
  const required = (Deno.env.get(REQUIRE) ?? "").split(",");
  if (required.includes(facility)) {
    return (name) =>
      Deno.test(name, () => {
        throw new Error(`Cannot run: ${missing}; ${REQUIRE} asks for "${facility}"`);
      });
  }
  return (name, run) => Deno.test({ name: `${name} (skipped: ${missing})`, ignore: true, fn: run });
}

async function findAdapter(): Promise<GPUAdapter | null> {
  return await navigator.gpu?.requestAdapter() ?? null;
}

function missingUnless(isThere: boolean, missing: string): string | undefined {
  return isThere ? undefined : missing;
}

async function runs(program: string, ...args: readonly string[]): Promise<boolean> {
  try {
    const command = new Deno.Command(program, {
      args: [...args],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    return (await command.output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
