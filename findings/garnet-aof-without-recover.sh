#!/usr/bin/env bash
# Garnet with --aof starts empty after a crash unless --recover is given too; what is written then replaces the old file.
#
# Expected: an append-only file is read at start, as Redis does with appendonly yes. CONFIG GET appendonly says "yes", so all is well.
# Really: --aof only writes the file (--aof-commit-wait forces it before each answer). Reading it at start is a further option, --recover, off
# by default: without it the server starts empty and says appendonly "yes" all the same. The log begins anew: after the first write
# a later start with --recover finds that write alone, and nothing of what was there before.
# Seen with garnet-server 2.2.8 on .NET 10.
# Needs the .NET SDK 10 and redis-cli. Ends 0 while it is so, 1 when it has changed, 2 where it can't be tried.
set -euo pipefail
dir=$(mktemp -d "${TMPDIR:-/tmp}/finding.XXXXXX")
pids=()
cleanup() {
  local i
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do # Clients before their servers.
    kill "${pids[i]}" 2>/dev/null || continue
    wait "${pids[i]}" 2>/dev/null || true
  done
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 2' INT TERM
chmod 755 "$dir"
export NUGET_PACKAGES=$dir/packages DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false
free_port() {
  local port
  while :; do
    port=$((10000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}
until_ok() { for _ in $(seq 150); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done; echo "does not answer: $*"; exit 2; }
start_garnet() { # OPTION…
  if [ ! -x "$dir/tools/garnet-server" ]; then
    dotnet tool install garnet-server --version 2.2.8 --tool-path "$dir/tools" >"$dir/tool.log" 2>&1 || { cat "$dir/tool.log"; exit 2; }
    garnet=$(free_port)
  fi
  mkdir -p "$dir/garnet"
  (cd "$dir/garnet" && exec "$dir/tools/garnet-server" --port "$garnet" --bind 127.0.0.1 --checkpointdir "$dir/garnet" --memory 64m \
    --index 8m --device-type RandomAccess "$@") >"$dir/garnet.log" 2>&1 &
  pids+=($!)
  until_ok redis-cli -p "$garnet" ping
}
stop_garnet() {
  kill -KILL "${pids[-1]}"
  wait "${pids[-1]}" 2>/dev/null || true
  unset 'pids[-1]'
}

note() {
  local key
  printf '%s: appendonly=%s' "$1" "$(redis-cli -p "$garnet" config get appendonly | tail -n 1)"
  for key in one two; do printf " %s='%s'" "$key" "$(redis-cli -p "$garnet" get "$key")"; done
  echo
}
{
  echo 'garnet-server 2.2.8'
  start_garnet --aof --aof-commit-wait --recover
  redis-cli -p "$garnet" set one 1 >/dev/null
  note 'written'
  stop_garnet
  start_garnet --aof --aof-commit-wait --recover
  note 'killed, started with --recover'
  stop_garnet
  start_garnet --aof --aof-commit-wait
  note 'killed, started without --recover'
  redis-cli -p "$garnet" set two 2 >/dev/null
  stop_garnet
  start_garnet --aof --aof-commit-wait --recover
  note 'written, killed, started with --recover'
} > >(tee "$dir/output")

if sleep 1 && printf '%s\n' 'garnet-server 2.2.8' "written: appendonly=yes one='1' two=''" \
  "killed, started with --recover: appendonly=yes one='1' two=''" "killed, started without --recover: appendonly=yes one='' two=''" \
  "written, killed, started with --recover: appendonly=yes one='' two='2'" | cmp -s - "$dir/output"; then
  echo 'Still so.'
else
  echo 'The behaviour has changed.'
  exit 1
fi
