/**
 * Which room may import which: DESIGN's table as data. Imports point down it, never up.
 *
 * @module
 */

/** The rooms of `src/media`, apart from its own files. */
const MEDIA_ROOMS = ["media/bitstream", "media/codec", "media/mpegts", "media/nut"];

/**
 * Room to the rooms that it may import, apart from itself. `"*"` is any. `media` is the files of
 * `src/media` itself: the types of packets, streams and colours, which know no container and no process;
 * its `mod.ts` is for library users and a room of its own, since it gathers the containers and codecs.
 */
export const ROOM_RULES: Readonly<Record<string, readonly string[] | "*">> = {
  "base": [],
  "trickle": ["base"],
  "media": ["base"],
  "media/bitstream": ["base", "media"],
  "media/nut": ["base", "media", "media/bitstream"],
  "media/mpegts": ["base", "media", "media/bitstream"],
  "media/codec": ["base", "media", "media/bitstream", "media/nut"],
  "media/mod.ts": ["media", ...MEDIA_ROOMS],
  "gpu": ["base", "media"],
  "frames": ["base", "gpu", "media"],
  "processor": ["base", "frames", "gpu", "media"],
  "inference": ["base", "frames", "gpu", "media", "processor"],
  "source": ["base", "frames", "media", ...MEDIA_ROOMS],
  "session": ["base", "frames", "gpu", "media", "processor", "source", "trickle", ...MEDIA_ROOMS],
  "livepeer": ["base", "trickle"],
  "worker": ["base", "frames", "processor", "session"],
  "server": ["base", "frames", "livepeer", "processor", "session", "worker"],
  "cli": "*",
  "mod.ts": "*",
};

/**
 * Rooms whose files others import directly: small, independent files, so that a parser that wants the
 * error classes does not load the logger. Every other room is entered through its `mod.ts`.
 */
const OPEN_ROOMS: ReadonlySet<string> = new Set(["base", "media", "media/mod.ts"]);

/** The room of a path below the project's root; `undefined` for files in no room of the table. */
export function roomOf(path: string): string | undefined {
  if (path === "mod.ts") return "mod.ts";
  if (path === "src/media/mod.ts") return "media/mod.ts";
  if (!path.startsWith("src/")) return undefined;
  const folders = path.split("/").slice(1, -1);
  const nested = folders.slice(0, 2).join("/");
  if (nested in ROOM_RULES) return nested;
  const room = folders[0];
  return room !== undefined && room in ROOM_RULES ? room : undefined;
}

/** Says which rule an import from one file to another breaks; `undefined` when it breaks none. */
export function brokenRule(from: string, to: string): string | undefined {
  if (to === "deno.json") return undefined; // The version is written there, once.
  const [fromRoom, toRoom] = [roomOf(from), roomOf(to)];
  if (fromRoom === undefined) return `${from} is in no room: add its room to ROOM_RULES`;
  if (toRoom === undefined) return `${fromRoom} may not import ${to}: it is in no room`;
  if (fromRoom === toRoom) return undefined;
  const allowed = ROOM_RULES[fromRoom] ?? [];
  if (toRoom === "mod.ts" || allowed !== "*" && !allowed.includes(toRoom)) {
    const list = allowed === "*" ? "any room" : allowed.join(", ") || "nothing";
    return `${fromRoom} may not import ${toRoom}: it may import ${list}`;
  }
  if (!OPEN_ROOMS.has(toRoom) && to !== `src/${toRoom}/mod.ts`) {
    return `${fromRoom} may import ${toRoom} only through src/${toRoom}/mod.ts`;
  }
  return undefined;
}
