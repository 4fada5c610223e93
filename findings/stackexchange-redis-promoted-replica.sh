#!/usr/bin/env bash
# With master and replica in its configuration, StackExchange.Redis does not find the promoted replica: it looks who is master once a minute.
#
# Expected: when the master's connection is lost and writes fail, the client asks the servers that it is still connected to who is master, as it
# does at the start, and goes on within a second or two.
# Really: it looks once when the connection is lost, which is before anybody was promoted, and then only every configCheckSeconds (60). Until then every write
# fails, though the new master answers on an open connection. ConfigureAsync finds it at once.
# Seen with StackExchange.Redis 2.13.23 on .NET 10 and Redis 7.0.15.
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
master=$redis
start_redis --replicaof 127.0.0.1 "$master"
replica=$redis
until_ok sh -c "redis-cli -p $replica info replication | grep -q master_link_status:up"
run_program 'StackExchange.Redis@2.13.23' "$master" "$replica" <<'EOF'
using System.Diagnostics;
using StackExchange.Redis;
Console.WriteLine("StackExchange.Redis 2.13.23");
await using var redis = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{args[0]},127.0.0.1:{args[1]},asyncTimeout=1000");
var db = redis.GetDatabase();
await db.StringSetAsync("k", "1");
Process.Start("redis-cli", $"-p {args[0]} shutdown nosave").WaitForExit();
await Task.Delay(3000);
Process.Start("redis-cli", $"-p {args[1]} replicaof no one").WaitForExit();
var watch = Stopwatch.StartNew();
async Task<bool> WritesAsync()
{
    try
    {
        return await db.StringSetAsync("k", "2");
    }
    catch (Exception e) when (e is RedisException or TimeoutException)
    {
        return false;
    }
}

var found = false;
while (!found && watch.Elapsed < TimeSpan.FromSeconds(20))
{
    found = await WritesAsync();
    await Task.Delay(200);
}

var connected = redis.GetServer($"127.0.0.1:{args[1]}").IsConnected;
Console.WriteLine($"within 20 s of the promotion: {found}; connected to it: {connected}");
await redis.ConfigureAsync();
Console.WriteLine($"after ConfigureAsync: {await WritesAsync()}");
EOF

if grep -qx 'within 20 s of the promotion: False; connected to it: True' "$dir/output" && grep -qx 'after ConfigureAsync: True' "$dir/output"; then
  echo 'Still so.'
else
  echo 'The behaviour has changed.'
  exit 1
fi
