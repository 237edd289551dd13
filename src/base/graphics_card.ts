/**
 * Whether the machine has a graphics card whose driver has codecs and maps much memory.
 *
 * @module
 */

import { variable } from "./environment.ts";

/** The device of NVIDIA's driver. */
const NVIDIA_DEVICE = "/dev/nvidiactl";

/** The driver's tool, which comes with it. */
const NVIDIA_TOOL = "nvidia-smi";

/** What a container is given of the cards. */
const NVIDIA_VARIABLE = "NVIDIA_VISIBLE_DEVICES";

/**
 * Whether there may be a card of NVIDIA. Deno lets only those look at its device who have all permissions.
 * For the others there may be one where they may run the driver's tool, which `serve --print-permissions`
 * allows where it is there, or where a container is given cards.
 */
export function mayHaveNvidiaCard(): boolean {
  try {
    return Deno.statSync(NVIDIA_DEVICE).isCharDevice === true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) return false;
    const given = variable(NVIDIA_VARIABLE) ?? "";
    const { state } = Deno.permissions.querySync({ name: "run", command: NVIDIA_TOOL });
    return state === "granted" || !["", "none", "void"].includes(given);
  }
}
