#!/usr/bin/env bash
# ExecuteAsync("INFO") works on a connection of StackExchange.Redis 2.13 without allowAdmin, and is refused by 3.4.
#
# Expected: allowAdmin guards the library's own administrator's methods (IServer.InfoAsync, ConfigGetAsync …); what is sent as a raw command by
# ExecuteAsync is the server's business, as for years. So a library that shares an application's connection can always ask for INFO.
# Really: since 3.x the name of a raw command is looked up too, and INFO, CONFIG and their like throw RedisCommandException before anything is sent.
# Whoever upgrades finds out at run time.
# Seen with StackExchange.Redis 2.13.23 and 3.4.35 on .NET 10 and Redis 7.0.15.
# Needs the .NET SDK 10 and redis-server. Ends 0 while it is so, 1 when it has changed, 2 where it can't be tried.
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
start_redis() { # OPTION…
  redis=$(free_port)
  mkdir -p "$dir/redis.$redis"
  redis-server --port "$redis" --bind 127.0.0.1 --dir "$dir/redis.$redis" --save '' --appendonly no "$@" >"$dir/redis.$redis/log" &
  pids+=($!)
  until_ok redis-cli -p "$redis" ping
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

start_redis
for version in 2.13.23 3.4.35; do
  rm -rf "$dir/program"
  run_program "StackExchange.Redis@$version" "$redis" "$version" <<'EOF'
using StackExchange.Redis;
await using var redis = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{args[0]}");
try
{
    var info = (string?)await redis.GetDatabase().ExecuteAsync("INFO", "server");
    Console.WriteLine($"{args[1]}: answered {info!.Contains("redis_version")}");
}
catch (RedisCommandException e)
{
    Console.WriteLine($"{args[1]}: {e.GetType().Name}: {e.Message}");
}
EOF
  cat "$dir/output" >>"$dir/all"
done

if grep -qx '2.13.23: answered True' "$dir/all" && grep -q '^3.4.35: RedisCommandException: .*admin mode.*INFO' "$dir/all"; then
  echo 'Still so.'
else
  echo 'The behaviour has changed.'
  exit 1
fi
