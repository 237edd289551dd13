/**
 * Marks WGSL code in TypeScript modules, so that editors highlight it. Shaders are not files of their
 * own: JSR refuses packages that import text.
 *
 * @module
 */

/** WGSL code. Values are inserted as text; backslashes stay as they are. */
export function wgsl(
  { raw }: TemplateStringsArray,
  ...values: readonly (string | number)[]
): string {
  return String.raw({ raw }, ...values);
}
