/**
 * What HEALTHCHECK runs: `deno run health.ts /livez` exits with 0 when the worker answers that path with
 * 200, else with 1 and a line on standard error. The address is that of `PORT`, `HOST` and
 * `RUNNEL_PREFIX`, as the worker reads them; flags of the worker are not seen here.
 *
 * @module
 */

/** URL at which a worker with this environment answers `path`. */
export function healthUrl(path: string, env: (name: string) => string | undefined): string {
  const host = env("HOST") || "0.0.0.0";
  const reached = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  const name = reached.includes(":") ? `[${reached}]` : reached;
  return `http://${name}:${env("PORT") || "8000"}${env("RUNNEL_PREFIX") ?? ""}${path}`;
}

if (import.meta.main) {
  const url = healthUrl(Deno.args[0] ?? "/livez", Deno.env.get);
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(4000) });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`it answered ${response.status}`);
  } catch (error) {
    // The boundary of a program: what was wrong is what `docker inspect` shows.
    const reason = error instanceof Error ? error.message : String(error);
    await Deno.stderr.write(new TextEncoder().encode(`Cannot reach ${url}: ${reason}\n`));
    Deno.exit(1);
  }
}
