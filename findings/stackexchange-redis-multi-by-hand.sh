#!/usr/bin/env bash
# A transaction that is sent by hand over StackExchange.Redis can lose its connection to the library's own PING, with one caller and nothing beside it.
#
# Expected: raw MULTI, then the commands, then EXEC on a connection that nobody else uses are one transaction, if not an elegant one; whoever
# shares the connection gets commands into it that are not his, and no worse.
# Really: the library looks after its connections itself (at its start, after each change of servers, every minute, whenever somebody asks for it),
# by a PING that goes out between MULTI and EXEC. Its answer is QUEUED, which the library takes for a broken protocol: it closes the connection with
# ProtocolFailure and opens a new one, over which EXEC is refused (EXEC without MULTI); what was queued is gone. Its own transactions (CreateTransaction) are sent in one piece and never met by this.
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
var database = redis.GetDatabase();

// Looks for its servers again, as it does by itself where something changed.
await database.ExecuteAsync("MULTI");
await database.ExecuteAsync("SET", "by-hand", "1");
await redis.ConfigureAsync(TextWriter.Null);
try
{
    await database.ExecuteAsync("EXEC");
    Console.WriteLine($"{args[1]} by hand: carried out");
}
catch (Exception e)
{
    Console.WriteLine($"{args[1]} by hand: {e.GetType().Name}: {e.Message.Split('.')[0]}");
}

while (!redis.IsConnected)
{
    await Task.Delay(100);
}

Console.WriteLine($"{args[1]} by hand, set: {await database.KeyExistsAsync("by-hand")}");
var failed = 0;
for (var i = 0; i < 200; i++)
{
    var transaction = database.CreateTransaction();
    _ = transaction.StringSetAsync("by-library", i, flags: CommandFlags.FireAndForget);
    var looking = redis.ConfigureAsync(TextWriter.Null);
    failed += await transaction.ExecuteAsync() ? 0 : 1;
    await looking;
}

Console.WriteLine($"{args[1]} by the library: {failed} of 200 failed");
EOF
  cat "$dir/output" >>"$dir/all"
done

for version in 2.13.23 3.4.35; do
  if ! grep -q "^$version by hand: RedisServerException: ERR EXEC without MULTI" "$dir/all" ||
    ! grep -qx "$version by hand, set: False" "$dir/all" || ! grep -qx "$version by the library: 0 of 200 failed" "$dir/all"; then
    echo 'The behaviour has changed.'
    exit 1
  fi
done
echo 'Still so.'
