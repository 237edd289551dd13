/** Ports that stay free until a test listens on them. */

/**
 * Below the ports that systems give to whoever asks for any (Linux from 32768, gVisor from 16000): nobody
 * is given one of these by chance.
 */
const FIRST_PORT = 10_000;
const PORTS = 6_000;

/** A port of 127.0.0.1 that nobody listens on, and that the system gives to nobody else meanwhile. */
export function unusedPort(): number {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
