// deno-lint-ignore-file no-console -- a script speaks to the terminal
/**
 * Builds a target of the Dockerfile without Docker, and runs it: by hand, as root, on a Debian with
 * debootstrap. `debootstrap --variant=minbase bookworm ROOT`, then
 * `deno run -A --lock=tests/deno.lock scripts/docker_check.ts ROOT cpu|nvidia`. RUN and COPY are carried out in that root; the
 * worker then runs there as the image's user in a network namespace of its own, without a network.
 * Where registries have certificates of their own, put those into ROOT/usr/local/share/ca-certificates.
 *
 * @module
 */

import { Copy, DockerfileParser, From, type Instruction } from "npm:dockerfile-ast@0.7.1";

const PROJECT = new URL("..", import.meta.url).pathname;
const CHECK_PORT = "18431";
/** How this machine reaches registries; for RUN alone. */
const NETWORK_VARIABLES =
  /^(DENO_TLS_CA_STORE|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+|NPM_CONFIG_\w+|\w+_proxy)$/i;

/** The worker's life in the container: healthy, a file through it, a stream, SIGTERM. */
const CHECK = `
set -eu
cd /app
say() { echo "docker_check: $*"; }
worker() { deno run -A /app/mod.ts "$@"; }
tini -s -- /app/docker/serve_safe.sh --processor invert 2>/tmp/worker.log & pid=$!
deno run -A /app/mod.ts trickle-server --port 18432 2>/tmp/trickle.log & trickle=$!
publish=
trap 'kill $pid $trickle $publish 2>/dev/null || :' EXIT
healthy=
for i in $(seq 60); do
  if deno run --no-lock --allow-net --allow-env docker/health.ts /livez 2>/tmp/health.log
  then healthy=1; break; fi
  sleep 0.5
done
[ -n "$healthy" ] || { say "not healthy"; cat /tmp/health.log /tmp/worker.log; exit 1; }
say "healthy"
worker doctor
ffmpeg -loglevel error -y -f lavfi -i color=black:size=320x240:rate=25:duration=8 -pix_fmt yuv420p \
  -g 25 -bf 0 /tmp/in.mp4
base=http://127.0.0.1:18432
deno run -A /app/mod.ts publish /tmp/in.mp4 $base/in 2>/tmp/publish.log & publish=$!
deno eval 'const answer = await fetch(Deno.args[0], {
  method: "POST", body: Deno.args[1], headers: { "content-type": "application/json" } });
console.log(answer.status, await answer.text()); if (!answer.ok) Deno.exit(1);' \
  "http://127.0.0.1:$PORT/stream/start" \
  "{\\"gateway_request_id\\":\\"check\\",\\"subscribe_url\\":\\"$base/in\\",\\"publish_url\\":\\"$base/out\\"}"
timeout 30 deno run -A /app/mod.ts subscribe --wait 10 $base/out /tmp/out.ts 2>/tmp/subscribe.log || cat /tmp/subscribe.log
wait $publish || cat /tmp/publish.log
level=$(ffmpeg -loglevel quiet -i /tmp/out.ts -frames:v 1 -pix_fmt gray -f rawvideo - | od -An -tu1 -N1)
say "first pixel of black, inverted: $level"
[ "$level" -gt 240 ]
kill -TERM $pid
start=$(date +%s)
code=0; wait $pid || code=$?
say "SIGTERM: exit code $code after $(( $(date +%s) - start )) s"
kill $trickle; wait $trickle || :
[ "$code" -eq 0 ] && [ $(( $(date +%s) - start )) -le 10 ]
`;

/** Runs a command; throws when it fails. */
async function run(command: string, ...args: string[]): Promise<void> {
  const { code } = await new Deno.Command(command, { args, stdin: "null" }).spawn().status;
  if (code !== 0) throw new Error(`Cannot run ${command} ${args.join(" ")}: it ended with ${code}`);
}

/** The instructions of a target, those of the stages that it builds on first. */
function instructionsOf(all: readonly Instruction[], target: string): Instruction[] {
  const start = all.findIndex((one) => one instanceof From && one.getBuildStage() === target);
  if (start === -1) return [];
  const next = all.findIndex((one, i) => i > start && one instanceof From);
  const own = all.slice(start, next === -1 ? undefined : next);
  const image = (own[0] as From).getImage()?.replace("${FFMPEG}", "debian") ?? "";
  return [...instructionsOf(all, image), ...own];
}

async function copy(root: string, instruction: Copy): Promise<void> {
  const paths = instruction.getArguments().map((one) => one.getValue());
  const target = paths.pop() ?? "";
  const into = `${root}${target.startsWith("/") ? target : `/app/${target}`}`;
  if (instruction.getFlags().some((flag) => flag.getName() === "from")) {
    return await Deno.copyFile(Deno.execPath(), into); // the only image that is copied from: Deno's
  }
  await run("mkdir", "-p", into.endsWith("/") ? into : into.replace(/\/[^/]*$/, ""));
  const sources = paths.map((path) => `${PROJECT}${path}`);
  if (target.endsWith("/")) await run("cp", "-r", "-t", into, ...sources);
  else await run("cp", "-r", "-T", sources[0] ?? "", into);
}

async function build(root: string, target: string): Promise<void> {
  const parsed = DockerfileParser.parse(await Deno.readTextFile(`${PROJECT}Dockerfile`));
  const env: string[] = ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];
  const network = Object.entries(Deno.env.toObject())
    .filter(([name]) => NETWORK_VARIABLES.test(name)).map(([name, value]) => `${name}=${value}`);
  let user = "0:0";
  for (const one of instructionsOf(parsed.getInstructions(), target)) {
    const text = (one.getArgumentsContent() ?? "").replace(/\\\n/g, " ");
    if (one.getKeyword() === "USER") user = text;
    if (one.getKeyword() === "ENV") env.push(...text.trim().split(/\s+/));
    if (one instanceof Copy) await copy(root, one);
    if (one.getKeyword() !== "RUN") continue;
    console.log(`docker_check: ${text.replace(/\s+/g, " ").slice(0, 90)}`);
    const home = user === "0:0" ? "/root" : "/home/runnel";
    const line = `cd /app 2>/dev/null; ${text}`;
    if (user !== "0:0") await run("chown", "-R", user, `${root}/app`);
    await chroot(root, user, ["env", "-i", `HOME=${home}`, ...network, ...env, "sh", "-c", line]);
  }
  const variables = ["env", "-i", "HOME=/home/runnel", `PORT=${CHECK_PORT}`, ...env];
  await chroot(root, user, [...variables, "sh", "-c", CHECK], ["--net"]);
}

/** Runs a command there with what a container has mounted, gone with the command. */
async function chroot(
  root: string,
  user: string,
  command: readonly string[],
  isolation: readonly string[] = [],
): Promise<void> {
  const mounts = 'mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"';
  const network = isolation.length === 0 ? "" : "ip link set lo up;";
  const script = `set -e; ${network} ${mounts}; exec chroot --userspec=${user} "$0" "$@"`;
  await run("unshare", "--mount", ...isolation, "sh", "-c", script, root, ...command);
}

if (import.meta.main) {
  const [root, target] = Deno.args;
  if (root === undefined || (target !== "cpu" && target !== "nvidia")) {
    throw new TypeError("Cannot check: name a Debian root and a target, cpu or nvidia");
  }
  await build(root, target);
  console.log(`docker_check: ${target} is well`);
}
