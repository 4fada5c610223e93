#!/usr/bin/env bash
# Proves the promises from outside: processes write through the engine, or through grains in three silos, while servers, network and
# the processes themselves fail, several at once. A checker that knows nothing of the implementation judges what callers were told by the
# rows in the end. docs/faults.md lists faults, checks and what came of long runs.
#
#   ./chaos.sh                       a minute of faults on the engine, with a seed of its own
#   ./chaos.sh --seconds N           N seconds of faults
#   ./chaos.sh --seed S              the same faults and calls again
#   ./chaos.sh --mode engine|silos   processes that use the engine (default), or three silos
#   ./chaos.sh --faults a,b          only faults whose name contains a or b
#   ./chaos.sh --losses              Redis is also emptied and restored from an older copy, and loses what it alone had
#   ./chaos.sh --topology T          plain (default), sentinel, cluster or standby: other servers, with faults of their own
#   ./chaos.sh --json FILE           also writes what came of it as JSON
#   ./chaos.sh --verbose             says each fault, and leaves histories and logs
#   ./chaos.sh --mutant NAME         with a part of the protocol switched off, which must be found
#   ./chaos.sh --mutants             each of them, in a copy of the sources, until it is found; at most half an hour for each
#
# Redis, PostgreSQL and the others are found or installed, and started on free loopback ports.
# Exit codes: 0 everything acknowledged is there and all promises held (with --mutants: each mutant was found), 1 not, 2 a wrong option.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"

case ${1:-} in
  -h | --help)
    sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$ROOT/chaos.sh"
    exit
    ;;
esac

ensure_dotnet
ensure_servers programs
build tools/Chaos/Chaos.csproj Debug
case " $* " in
  *" silos "*) build Silo/Silo.csproj Debug ;;
esac
export DOTNET_TieredPGO=0
exec dotnet tools/Chaos/bin/Debug/net10.0/Chaos.dll "$@"
