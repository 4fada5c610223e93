#!/usr/bin/env bash
# While the master is away StackExchange.Redis sends a script to the replica, and its stale answer looks like any other.
#
# Expected: without CommandFlags.PreferReplica or DemandReplica everything goes to the master, and fails while it is away. SET does fail.
# Really: the default is PreferMaster: commands that the client knows to write demand the master, all others may go to a replica when it is
# gone. EVAL and EVALSHA are among the others, whatever the script does. A script that only reads gives the replica's state, here one
# that was cut off before the last write; a script that writes gets READONLY. CommandFlags.DemandMaster is the way out.
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
redis-cli -p "$master" set stock 10 >/dev/null
until_ok sh -c "[ \"\$(redis-cli -p $replica get stock)\" = 10 ]"
redis-cli -p "$replica" replicaof 127.0.0.1 "$(free_port)" >/dev/null # Cut off, still a replica.
redis-cli -p "$master" set stock 3 >/dev/null
run_program 'StackExchange.Redis@2.13.23' "$master" "$replica" "${pids[0]}" <<'EOF'
using System.Diagnostics;
using StackExchange.Redis;
Console.WriteLine("StackExchange.Redis 2.13.23");
await using var redis = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{args[0]},127.0.0.1:{args[1]},syncTimeout=3000,abortConnect=false");
var db = redis.GetDatabase();
const string Read = "return redis.call('GET', KEYS[1])";
Console.WriteLine($"with its master, script: {await db.ScriptEvaluateAsync(Read, ["stock"])}");
Process.GetProcessById(int.Parse(args[2])).Kill();
for (var i = 0; i < 100 && redis.GetServer($"127.0.0.1:{args[0]}").IsConnected; i++)
{
    await Task.Delay(50);
}

await TryAsync("SET", async () => await db.StringSetAsync("stock", 2));
await TryAsync("script that reads", async () => await db.ScriptEvaluateAsync(Read, ["stock"]));
await TryAsync("script that reads, DemandMaster", async () => await db.ScriptEvaluateAsync(Read, ["stock"], flags: CommandFlags.DemandMaster));

async Task TryAsync(string what, Func<Task<object>> command)
{
    try { Console.WriteLine($"without its master, {what}: {await command()}"); }
    catch (RedisException e) { Console.WriteLine($"without its master, {what}: {e.GetType().Name}"); }
    catch (TimeoutException) { Console.WriteLine($"without its master, {what}: TimeoutException"); }
}
EOF

if grep -qx 'with its master, script: 3' "$dir/output" && grep -qE 'master, SET: .*Exception' "$dir/output" &&
  grep -qx 'without its master, script that reads: 10' "$dir/output" && grep -qE 'DemandMaster: .*Exception' "$dir/output"; then
  echo 'Still so.'
else
  echo 'The behaviour has changed.'
  exit 1
fi
