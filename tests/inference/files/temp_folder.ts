/**
 * Folders that are gone after a test.
 *
 * @module
 */

/** Runs a test with a folder of its own. */
export async function inTempFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
