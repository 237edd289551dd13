/**
 * Many clips from one ffmpeg: most of what a small clip costs is the start of the process, which loads
 * and links some two hundred libraries.
 *
 * @module
 */

import assert from "node:assert/strict";

/** Gives what one of the jobs made; the first that is asked runs all of them. */
export type Made = () => Promise<Uint8Array>;

interface Job {
  readonly args: readonly string[];
  readonly input: Made | undefined;
}

/** Jobs for one ffmpeg, which runs when the first result is asked for. */
export class FfmpegBatch {
  readonly #jobs: Job[] = [];
  #results: Promise<Uint8Array[]> | undefined;

  /**
   * Adds a job, with the arguments of an ffmpeg of its own: inputs, then options, then `pipe:1` for the
   * output. What `input` gives can be read as `pipe:0`. All streams of the inputs are taken.
   */
  add(args: readonly string[], input?: Made): Made {
    assert.equal(this.#results, undefined, "add jobs before the first result is asked for");
    const index = this.#jobs.push({ args, input }) - 1;
    return async () => {
      this.#results ??= this.#run();
      return (await this.#results)[index]!;
    };
  }

  async #run(): Promise<Uint8Array[]> {
    const folder = await Deno.makeTempDir({ prefix: "runnel-batch-" });
    try {
      const args: string[] = [];
      let inputs = 0;
      for (const [index, { args: own, input }] of this.#jobs.entries()) {
        const [from, to] = [`${folder}/in${index}`, `${folder}/out${index}`];
        if (input !== undefined) await Deno.writeFile(from, await input());
        const options = own.lastIndexOf("-i") + 2;
        args.push(...own.slice(0, options).map((arg) => arg === "pipe:0" ? from : arg));
        const maps = own.filter((arg) => arg === "-i").flatMap(() => ["-map", `${inputs++}`]);
        args.push(...maps, ...own.slice(options).map((arg) => arg === "pipe:1" ? to : arg));
      }
      const command = new Deno.Command("ffmpeg", {
        args: ["-hide_banner", "-nostdin", "-v", "error", ...args],
        stdin: "null",
      });
      const { success, stderr } = await command.output();
      assert.ok(success, new TextDecoder().decode(stderr));
      return await Promise.all(
        this.#jobs.map((_, index) => Deno.readFile(`${folder}/out${index}`)),
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
}
