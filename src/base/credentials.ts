/**
 * Secrets that URLs carry.
 *
 * @module
 */

/** What stands between a scheme and a host. */
const CREDENTIALS = /(:\/\/)[^/\s]*@/g;

/**
 * A field of a query whose name says that its value is a secret, such as `token` or `X-Amz-Signature`; `sign` is
 * the whole name of one.
 */
const SECRET_FIELDS =
  /([?&;](?:sign|(?:[\w.\-[\]]|%[0-9a-f]{2})*?(?:token|secret|key|sig|signature|pass|password|passwd|pwd|auth|credential|credentials))=)[^&#;\s"'<>|,)}\]]+/gi;

/**
 * A text, such as a program's messages, without the user names and passwords of its URLs, and without the
 * secrets in their queries.
 */
export function withoutCredentials(text: string): string {
  return text.replace(CREDENTIALS, "$1").replace(SECRET_FIELDS, "$1***");
}
