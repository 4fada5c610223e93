#!/usr/bin/env bash
# Runs the main job: a shop of products under stock movements from many concurrent callers, written behind Redis into PostgreSQL.
# Three silos are started on this machine and driven by the client. At the end grains, Redis and PostgreSQL are compared with what was
# acknowledged; exit code 1 on any difference.
#
#   ./run.sh                   200,000 movements of 2,000 products by 256 callers
#   ./run.sh --crash           kills a silo with SIGKILL half-way and starts it again; every caller is answered, and nothing counts twice
#   ./run.sh --input FILE.csv --key COLUMN --amount COLUMN
#                              replays real movements; bad rows are counted and reported
#                              (try samples/data/movements.csv, with the columns product and quantity)
#   ./run.sh --engine          the same with one process and no cluster: samples/Embedded, the engine alone
#
#   --writes N                 how many movements; with --input the most of its rows to replay
#   --entities N               over how many products they are spread
#   --concurrency N            how many callers write at once
#   --seed N                   makes the same movements again
#   --silos N                  how many silos (with --engine there are none, and it is ignored)
#   --serve                    stays up after the load and prints the address, until Ctrl-C (--writes 0: without a load)
#   --json FILE                writes the summary as one JSON object
#
# Redis (append-only) and PostgreSQL are started for this run alone, on free loopback ports, with their data below .local.
# WRITEBEHIND_REDIS (a StackExchange.Redis configuration string) and WRITEBEHIND_POSTGRES (an Npgsql connection string) name existing
# servers instead. What their table shop.stock holds is read first, so a run may be repeated on them.
#
# Ctrl-C drains the service and stops everything; a second one does not wait for the drain.
# Exit codes: 0 verified, 1 a difference or a failed run, 2 a wrong option or input, 130 interrupted.
set -euo pipefail
CALLED_FROM=$PWD
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"

MODE=orleans
ARGUMENTS=()
for argument in "$@"; do
  case $argument in
    -h | --help | -\?)
      sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$ROOT/run.sh"
      exit
      ;;
    --engine) MODE=engine ;;
    *) ARGUMENTS+=("$argument") ;;
  esac
done

DATA=$ROOT/.local/run.$$
LOG=$ROOT/.local/service.$$.log

# In a session of its own, so that Ctrl-C reaches it once, from here, and not a second time from the terminal: the second signal means
# "at once". Should this shell be killed, the driver is told to stop and takes the service along.
run_driver() {
  local driver code=0
  (
    cd "$CALLED_FROM" # Files on the command line are meant from there.
    exec setsid setpriv --pdeathsig TERM dotnet "${DRIVER[@]}" --log "$LOG" "$@" </dev/null
  ) &
  driver=$!
  trap 'kill -TERM "$driver" 2>/dev/null || true' INT TERM HUP
  while kill -0 "$driver" 2>/dev/null; do
    wait "$driver" || true
  done
  wait "$driver" || code=$?
  trap - INT TERM HUP
  return "$code"
}

# The driver of the engine alone knows no silos.
leave_silos_out() {
  local argument kept=() skip=
  for argument in "${ARGUMENTS[@]}"; do
    if [ -n "$skip" ]; then
      skip=
      continue
    fi
    case $argument in
      --silos | --silos=* | --silos:*)
        say "There are no silos in this mode: --silos is ignored."
        [ "$argument" != --silos ] || skip=1
        ;;
      *) kept+=("$argument") ;;
    esac
  done
  ARGUMENTS=("${kept[@]}")
}

ensure_dotnet
if [ -z "${WRITEBEHIND_REDIS:-}" ] || [ -z "${WRITEBEHIND_POSTGRES:-}" ]; then
  ensure_servers any
fi
# A driver's project builds what the driver starts: the service of the sample, or the silo.
if [ "$MODE" = engine ]; then
  leave_silos_out
  build samples/Embedded.Driver/Embedded.Driver.csproj Release
  DRIVER=("$ROOT/samples/Embedded.Driver/bin/Release/net10.0/Embedded.Driver.dll")
else
  build Client/Client.csproj Release
  DRIVER=("$ROOT/Client/bin/Release/net10.0/Client.dll" prove)
fi

mkdir -p "$ROOT/.local"
if [ -z "${WRITEBEHIND_REDIS:-}" ]; then
  say "Starting a private Redis …"
  start_private_redis "$DATA"
fi
if [ -z "${WRITEBEHIND_POSTGRES:-}" ]; then
  say "Starting a private PostgreSQL …"
  start_private_postgres "$DATA"
fi
export WRITEBEHIND_REDIS=${WRITEBEHIND_REDIS:-$PRIVATE_REDIS}
export WRITEBEHIND_POSTGRES=${WRITEBEHIND_POSTGRES:-$PRIVATE_POSTGRES}

# The processes live for about a minute: too short for what the JIT learns about them to pay. And they share the machine: threads that
# spin for work of their own keep others from theirs (docs/performance.md).
export DOTNET_TieredPGO=${DOTNET_TieredPGO:-0}
export DOTNET_ThreadPool_UnfairSemaphoreSpinLimit=${DOTNET_ThreadPool_UnfairSemaphoreSpinLimit:-0}

code=0
run_driver "${ARGUMENTS[@]}" || code=$?
case $code in
  1) [ ! -s "$LOG" ] || say "The service's log is kept: $LOG" ;;
  *) rm -f "$LOG" "${LOG%.log}".*.log ;;
esac
exit "$code"
