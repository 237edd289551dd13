/**
 * Addresses that only this machine reaches.
 *
 * @module
 */

/** Whether only this machine reaches a host name or an address; IPv6 with or without brackets. */
export function isLoopback(host: string): boolean {
  return /^((.+\.)?localhost\.?|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}
