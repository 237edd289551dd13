#!/bin/sh
# Runs `serve` with the permissions of Deno that its options need, and no others; every other command
# with all of them. RUNNEL_STREAM_HOSTS=HOST,HOST narrows the network to the hosts of streams.
set -euf
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
case " $* " in
  *' --help '* | *' -h '* | *' --version '* | *' -V '*) exec deno run -A "$root/mod.ts" "$@" ;;
esac
case ${1:-} in
  serve) shift ;;
  '' | -*) ;;
  *) exec deno run -A "$root/mod.ts" "$@" ;;
esac
hosts=${RUNNEL_STREAM_HOSTS:-}
permissions=$(deno run -A "$root/mod.ts" serve "$@" "--print-permissions${hosts:+=$hosts}")
# One option a line: names may hold spaces.
IFS='
'
# shellcheck disable=SC2086 # a list
exec deno run $permissions "$root/mod.ts" serve "$@"
