/**
 * A little stock between a source and whoever takes from it.
 *
 * @module
 */

import { BoundedQueue } from "../base/bounded_queue.ts";

/**
 * Takes up to `capacity` items before they are asked for, so that a source that pauses (a file that
 * begins anew) delays nothing. Leaving the loop ends the source once it gives its next item.
 */
export async function* readAhead<T>(
  source: AsyncIterable<T>,
  capacity: number,
): AsyncGenerator<T> {
  const queue = new BoundedQueue<T>({ capacity, whenFull: "wait" });
  const filled = fill(queue, source);
  try {
    yield* queue;
  } finally {
    queue.close();
    queue.clear();
    await filled;
  }
}

async function fill<T>(queue: BoundedQueue<T>, source: AsyncIterable<T>): Promise<void> {
  try {
    for await (const item of source) {
      if (!await queue.push(item)) return;
    }
    queue.close();
  } catch (error) {
    queue.fail(error);
  }
}
