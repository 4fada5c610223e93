#!/usr/bin/env bash
# With channelPrefix a subscriber of StackExchange.Redis hears nothing of what scripts publish, nor of PUBLISH by ExecuteAsync.
#
# Expected: channelPrefix=app: is put before every channel that the client names, so that both ends agree.
# Really: it is put before the channels of SubscribeAsync and PublishAsync only. redis.call('PUBLISH', …) in a script runs on the server, where
# nobody knows of it, also where the channel's name is handed over as a RedisChannel-like argument or a key; and a raw PUBLISH takes its
# arguments as they are. Both are delivered to nobody, and PUBLISH's count of receivers, 0, is the only sign.
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
run_program 'StackExchange.Redis@2.13.23' "$redis" <<'EOF'
using StackExchange.Redis;
Console.WriteLine("StackExchange.Redis 2.13.23");
foreach (var prefix in (string[])["", ",channelPrefix=app:"])
{
    await using var redis = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{args[0]}{prefix}");
    var heard = 0;
    await redis.GetSubscriber().SubscribeAsync(RedisChannel.Literal("news"), (_, _) => Interlocked.Increment(ref heard));
    var db = redis.GetDatabase();
    var byClient = await db.PublishAsync(RedisChannel.Literal("news"), "1");
    var byScript = (long)await db.ScriptEvaluateAsync("return redis.call('PUBLISH', ARGV[1], '2')", values: ["news"]);
    var byExecute = (long)await db.ExecuteAsync("PUBLISH", "news", "3");
    Console.WriteLine($"'{prefix}': receivers of PublishAsync {byClient}, of a script {byScript}, of ExecuteAsync {byExecute}");
}
EOF

if grep -qx "'': receivers of PublishAsync 1, of a script 1, of ExecuteAsync 1" "$dir/output" &&
  grep -qx "',channelPrefix=app:': receivers of PublishAsync 1, of a script 0, of ExecuteAsync 0" "$dir/output"; then
  echo 'Still so.'
else
  echo 'The behaviour has changed.'
  exit 1
fi
