/** Projects of a few files, for tests of what runs on a project. */

import { dirname, join } from "node:path";

/** Writes a project with these files, lets a test use its folder, and removes it. */
export async function withProject<T>(
  files: Readonly<Record<string, string>>,
  use: (root: string) => Promise<T>,
): Promise<T> {
  const root = await Deno.makeTempDir({ prefix: "runnel-project-" });
  try {
    for (const [path, text] of Object.entries({ "deno.json": "{}", ...files })) {
      await Deno.mkdir(dirname(join(root, path)), { recursive: true });
      await Deno.writeTextFile(join(root, path), text);
    }
    return await use(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}
