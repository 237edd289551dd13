/**
 * Several streams as one.
 *
 * @module
 */

import type { Packet } from "../media/types.ts";

/**
 * Packets by decoding time. Nothing comes before every stream has given its next packet or ended;
 * leaving the loop ends all of them.
 */
export async function* interleaved(
  streams: readonly AsyncIterable<Packet>[],
): AsyncGenerator<Packet> {
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]());
  try {
    const heads = await Promise.all(iterators.map((iterator) => iterator.next()));
    for (;;) {
      const earliest = indexOfEarliest(heads);
      if (earliest === undefined) return;
      yield heads[earliest]!.value;
      heads[earliest] = await iterators[earliest]!.next();
    }
  } finally {
    await Promise.all(iterators.map((iterator) => iterator.return?.()));
  }
}

function indexOfEarliest(heads: readonly IteratorResult<Packet>[]): number | undefined {
  let earliest: number | undefined;
  let earliestTicks = Infinity;
  for (const [index, head] of heads.entries()) {
    if (head.done === true || head.value.dtsTicks >= earliestTicks) continue;
    earliest = index;
    earliestTicks = head.value.dtsTicks;
  }
  return earliest;
}
