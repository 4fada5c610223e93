#!/usr/bin/env bash
# Garnet's --lua alone runs scripts that interleave; only --lua-transaction-mode makes a script one step.
#
# Expected: EVAL is atomic: it is what Redis documents, and what everybody relies on who puts read, check and write into a script.
# Really: Garnet serves each connection on a thread of its own, and with --lua alone a script takes no locks: another client's commands and
# scripts run between two of its calls. A script that only adds one to a counter loses updates. With --lua-transaction-mode the keys
# that are passed as KEYS are locked while it runs, and nothing is lost. CONFIG GET, INFO and COMMAND tell nothing about the mode.
# Seen with garnet-server 2.2.8, StackExchange.Redis 2.13.23 on .NET 10.
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
run_program() { # PACKAGES ARGUMENTS…: builds Program.cs from standard input and runs it
  local packages=$1
  shift
  mkdir -p "$dir/program"
  cat >"$dir/program/Program.cs"
  {
    echo '<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><OutputType>Exe</OutputType><TargetFramework>net10.0</TargetFramework>'
    echo '<ImplicitUsings>enable</ImplicitUsings></PropertyGroup><ItemGroup>'
    for package in $packages; do echo "<PackageReference Include=\"${package%@*}\" Version=\"[${package#*@}]\" />"; done
    echo '</ItemGroup></Project>'
  } >"$dir/program/Program.csproj"
  dotnet build "$dir/program" -v q -clp:NoSummary >"$dir/build.log" 2>&1 || { cat "$dir/build.log"; exit 2; }
  dotnet "$dir/program/bin/Debug/net10.0/Program.dll" "$@" | tee "$dir/output"
}

program() { # the rest of the arguments name the run
  run_program 'StackExchange.Redis@2.13.23' "$garnet" "$1" <<'EOF'
using StackExchange.Redis;
Console.WriteLine($"garnet-server 2.2.8 {args[1]}");
const string Raise = "return redis.call('SET', KEYS[1], tonumber(redis.call('GET', KEYS[1]) or '0') + 1)";
await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
{
    await using var redis = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{args[0]}");
    for (var i = 0; i < 1500; i++)
    {
        await redis.GetDatabase().ScriptEvaluateAsync(Raise, ["counter"]);
    }
})));
await using var reader = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{args[0]}");
var counter = (long)await reader.GetDatabase().StringGetAsync("counter");
Console.WriteLine($"6000 scripts raised the counter to {counter}");
Console.WriteLine($"{args[1]} lost={6000 - counter}");
EOF
}
start_garnet --lua
program --lua
cp "$dir/output" "$dir/first"
stop_garnet
start_garnet --lua --lua-transaction-mode
program --lua-transaction-mode

if grep -qE -e "^--lua lost=[1-9]" "$dir/first" && grep -qx -e "--lua-transaction-mode lost=0" "$dir/output"; then
  echo 'Still so.'
else
  echo 'The behaviour has changed.'
  exit 1
fi
