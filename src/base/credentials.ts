/**
 * Secrets that URLs carry.
 *
 * @module
 */

/** What stands between a scheme and a host. */
const CREDENTIALS = /(:\/\/)[^/\s]*@/g;

/** A text, such as a program's messages, without the user names and passwords of its URLs. */
export function withoutCredentials(text: string): string {
  return text.replace(CREDENTIALS, "$1");
}
