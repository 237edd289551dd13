/**
 * Which test files run in one process, and in which order.
 *
 * @module
 */

import { join, relative } from "node:path";
import type { Batch } from "./test_run.ts";

/** Files of whole programs: seconds each, so that they begin first and one by one. */
const LONG = /^tests\/(e2e|cli|session|worker)\//;

/** How many files of small tests a process runs: enough to make its start cheap. */
const FILES_PER_PROCESS = 8;

/** What the quick gate runs: tests that start no process and need no GPU. */
const QUICK_FOLDERS = [
  ...["base", "frames", "links", "livepeer", "media/bitstream", "processor", "server"],
  ...["session/telemetry", "session/video", "trickle"],
];

/** Files in these folders that do start processes. */
export const NOT_QUICK: readonly string[] = [
  ...["base/net/http_port", "frames/convert/convert", "frames/convert/image_tensor"],
  ...["frames/draw/stamp", "links/std_async", "livepeer/byoc"],
  ...["media/bitstream/parameter_set_store", "media/bitstream/parameter_sets"],
  ...["server/hardware", "server/http/lost_port"],
  ...["session/video/video_hardware", "session/video/video_path", "trickle/tls"],
].map((name) => `tests/${name}_test.ts`);

/**
 * The packages of everything, tests and scripts too. deno.lock has only those of the program: Deno
 * fetches each package of a lockfile, whether or not it is used.
 */
export const LOCK = ["--frozen", "--lock=tests/deno.lock"];

/** The types are checked by a step of their own. */
const ARGS = [...LOCK, "--no-check"];
const ALL = ["-A", ...ARGS];
/** Without `--allow-run`: a test that starts a process fails, and does not belong here. */
const QUICK = [
  ...["read", "write", "net", "env", "sys", "ffi", "import"].map((kind) => `--allow-${kind}`),
  ...ARGS,
];

/** Plans all tests of a project, or the quick ones. */
export async function planBatches(
  root: string,
  { quick = false }: { readonly quick?: boolean } = {},
): Promise<Batch[]> {
  const files = await findTests(root);
  if (quick) {
    const isQuick = (file: string): boolean =>
      QUICK_FOLDERS.some((folder) => file.startsWith(`tests/${folder}/`)) &&
      !NOT_QUICK.includes(file);
    return inBatches(files.filter(isQuick), QUICK);
  }
  const long = files.filter((file) => LONG.test(file));
  const short = files.filter((file) => !LONG.test(file));
  return [
    ...long.map((file) => ({ files: [file], args: ALL })),
    ...inBatches(short, ALL),
    { files: ["mod.ts", "src"], args: [...ALL, "--doc"] },
  ];
}

function inBatches(files: readonly string[], args: readonly string[]): Batch[] {
  const batches: Batch[] = [];
  for (let at = 0; at < files.length; at += FILES_PER_PROCESS) {
    batches.push({ files: files.slice(at, at + FILES_PER_PROCESS), args });
  }
  return batches;
}

/** All test files below `tests`, from the project's root, by name. */
export async function findTests(root: string): Promise<string[]> {
  const files: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = join(folder, name);
      if (isDirectory) await visit(path);
      else if (name.endsWith("_test.ts")) files.push(relative(root, path));
    }
  };
  await visit(join(root, "tests"));
  return files.sort();
}
