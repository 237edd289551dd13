/**
 * What the process of a stream may do: the rights that its operator gives to the processor, and the few
 * that every stream needs. Deno enforces them.
 *
 * @module
 */

/**
 * What a processor in a process of its own may do besides processing frames, as the permissions of Deno
 * with the same names: a list, or `true` for everything of a kind. What is left out is refused.
 */
export interface ProcessorPermissions {
  /** Everything, and the whole environment. @default {false} */
  readonly all?: boolean;
  /** Hosts to connect to, such as `api.example.com:443`. @default none */
  readonly net?: true | readonly string[];
  /** Files and folders to read; relative ones are below the working directory. @default none */
  readonly read?: true | readonly string[];
  /** Files and folders to write. @default none */
  readonly write?: true | readonly string[];
  /** Environment variables; all others are not even in the process. @default none */
  readonly env?: true | readonly string[];
  /** Programs to run, with all the rights of the user. @default none */
  readonly run?: true | readonly string[];
  /** Native libraries to load, with all the rights of the user. @default none */
  readonly ffi?: true | readonly string[];
  /** What is asked of the system, such as `hostname`. @default none */
  readonly sys?: true | readonly string[];
  /** Hosts to import modules from that are not in Deno's cache. @default none */
  readonly import?: true | readonly string[];
}

/** The kinds of permissions that are lists. */
export const PERMISSION_KINDS = [
  "net",
  "read",
  "write",
  "env",
  "run",
  "ffi",
  "sys",
  "import",
] as const;

/** What a stream needs whatever its processor may do. */
export interface StreamNeeds {
  /** `host:port` of the way to the stream's channels. */
  readonly relay: string;
  /** The ffmpeg that may be run. */
  readonly ffmpeg: string;
  /** Modules, and files that packages read. */
  readonly read: readonly string[];
  /** Variables that may be read. */
  readonly env: readonly string[];
}

/** The options of `deno run` for these rights. */
export function permissionFlags(permissions: ProcessorPermissions, needs: StreamNeeds): string[] {
  if (permissions.all === true) return ["--allow-all"];
  const always: Partial<Record<typeof PERMISSION_KINDS[number], readonly string[]>> = {
    net: [needs.relay],
    run: [needs.ffmpeg],
    read: needs.read,
    env: needs.env,
  };
  const flags = PERMISSION_KINDS.flatMap((kind) => {
    const given = permissions[kind];
    if (given === true) return [`--allow-${kind}`];
    const list = [...always[kind] ?? [], ...given ?? []];
    return list.length === 0 ? [] : [`--allow-${kind}=${list.map(escapeComma).join(",")}`];
  });
  // Else a module of any server could be imported, and its address may carry what should not get out.
  return permissions.import === undefined ? [...flags, "--cached-only"] : flags;
}

/** Deno takes two commas for one that is part of a name. */
function escapeComma(text: string): string {
  return text.replaceAll(",", ",,");
}
