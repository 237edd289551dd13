/**
 * The version of this package.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };

/** The version in `deno.json`. */
export const VERSION: string = manifest.version;
