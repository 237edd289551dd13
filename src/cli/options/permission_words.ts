/**
 * The rights of a processor as words on a command line.
 *
 * @module
 */

import { InvalidArgumentError } from "commander";
import { PERMISSION_KINDS, type ProcessorPermissions } from "../../worker/mod.ts";

const EXAMPLE =
  'Use words such as "net=api.example.com:443 read=./faces,./masks env=HF_TOKEN", "net" for all of a ' +
  'kind, or "all"';

/**
 * Reads words that are separated by spaces: `KIND=NAME,NAME`, `KIND` for everything of that kind, or `all`.
 * The kinds are those of Deno's `--allow-KIND`. Throws an `InvalidArgumentError`.
 */
export function parsePermissions(text: string): ProcessorPermissions {
  const permissions: Record<string, boolean | string[]> = {};
  for (const word of text.split(/\s+/).filter((word) => word !== "")) {
    const at = word.indexOf("=");
    const kind = at < 0 ? word : word.slice(0, at);
    if (word === "all") {
      permissions["all"] = true;
      continue;
    }
    if (!(PERMISSION_KINDS as readonly string[]).includes(kind)) {
      throw new InvalidArgumentError(
        `${EXAMPLE}: "${kind}" is none of ${PERMISSION_KINDS.join(", ")}.`,
      );
    }
    const names = at < 0 ? [] : word.slice(at + 1).split(",").filter((name) => name !== "");
    if (at >= 0 && names.length === 0) {
      throw new InvalidArgumentError(`${EXAMPLE}: "${word}" names nothing.`);
    }
    const before = permissions[kind];
    if (at < 0 || before === true) permissions[kind] = true;
    else permissions[kind] = [...Array.isArray(before) ? before : [], ...names];
  }
  return permissions as ProcessorPermissions;
}
