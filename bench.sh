#!/usr/bin/env bash
# Measures this project beside what people use today, on the same servers and in one process, and prints a table.
#
#   ./bench.sh                 everything; about 15 minutes
#   ./bench.sh --quick         everything, roughly: under 5 minutes after the build
#
#   --group N…                 only these groups, of 1 to 12
#   --json FILE                also writes the results to this file
#   --readme FILE              measures nothing: brings the results in this file (of --json) into README.md and docs/performance.md
#
# Redis (append-only, synced every second, never rewritten) and PostgreSQL (with its defaults, syncing every commit) are started for this
# run alone, on free loopback ports, with their data below .local. What the figures mean: docs/performance.md.
#
# Exit codes: 0 measured (whatever the goals came to), 1 a failed run, 2 a wrong option, 130 interrupted.
set -euo pipefail
CALLED_FROM=$PWD
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"

ARGUMENTS=()
MEASURES=yes
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help | -\?)
      sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"
      exit
      ;;
    --json | --readme)
      [ $# -gt 1 ] || die "$1 needs a file."
      [ "$1" != --readme ] || MEASURES=no
      # Files on the command line are meant from where it was called; the README is found from here.
      ARGUMENTS+=("$1" "$(cd "$CALLED_FROM" && realpath -m "$2")")
      shift
      ;;
    *) ARGUMENTS+=("$1") ;;
  esac
  shift
done

ensure_dotnet
[ "$MEASURES" = no ] || ensure_servers any
build benchmarks/WriteBehind.Benchmarks/WriteBehind.Benchmarks.csproj Release

if [ "$MEASURES" = yes ]; then
  DATA=$ROOT/.local/bench.$$
  mkdir -p "$ROOT/.local"
  say "Starting a private Redis and a private PostgreSQL …"
  # A rewrite of the append-only file takes one of two cores for seconds, in some turns and not in others.
  start_private_redis "$DATA" --auto-aof-rewrite-percentage 0
  start_private_postgres "$DATA"
  export WRITEBEHIND_REDIS=$PRIVATE_REDIS WRITEBEHIND_POSTGRES=$PRIVATE_POSTGRES
fi

dotnet benchmarks/WriteBehind.Benchmarks/bin/Release/net10.0/WriteBehind.Benchmarks.dll "${ARGUMENTS[@]}"
