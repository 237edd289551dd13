/**
 * What the parameters of a stream hold in memory, so that updates cannot pile up in it.
 *
 * @module
 */

/** Most that the parameters of one stream may hold, all updates together, in bytes as counted here. */
export const MAX_PARAMS_BYTES = 2 << 20;

/** What an array or object costs without its values. */
const CONTAINER_BYTES = 16;
/** What a number, a boolean or null costs. */
const SCALAR_BYTES = 8;

/**
 * The size of a value that JSON could hold: a byte for each character, with its containers and keys. The
 * count stops soon after `limit`. Buffers of a program are its own and count as nothing.
 */
export function paramsBytes(value: unknown, limit: number = Infinity): number {
  let total = 0;
  const left: unknown[] = [value];
  while (left.length > 0 && total <= limit) {
    const each = left.pop();
    if (typeof each === "string") total += each.length;
    else if (typeof each !== "object" || each === null) total += SCALAR_BYTES;
    else if (Array.isArray(each)) {
      total += CONTAINER_BYTES;
      for (const element of each) left.push(element);
    } else if (!ArrayBuffer.isView(each)) {
      total += CONTAINER_BYTES;
      for (const [key, inner] of Object.entries(each)) {
        total += key.length;
        left.push(inner);
      }
    }
  }
  return total;
}
