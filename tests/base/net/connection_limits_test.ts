import assert from "node:assert/strict";
import { clientOf, resolveConnectionLimits } from "../../../src/base/net/connection_limits.ts";

Deno.test("clientOf() takes IPv4 whole and IPv6 by its /64 network", () => {
  const cases: [string, string][] = [
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["::1", "0:0:0:0"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:DB8:0001:2::9", "2001:db8:1:2"],
    ["2001:db8::", "2001:db8:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
  ];
  for (const [address, client] of cases) assert.equal(clientOf(address), client, address);
});

Deno.test("resolveConnectionLimits() refuses limits that are none", () => {
  for (const maxConnections of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(() => resolveConnectionLimits({ maxConnections }), RangeError);
  }
  assert.throws(() => resolveConnectionLimits({ idleTimeoutMs: 0 }), RangeError);
  assert.equal(resolveConnectionLimits({ idleTimeoutMs: Infinity }).idleTimeoutMs, Infinity);
});
