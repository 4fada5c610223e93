#!/usr/bin/env bash
# A StackExchange.Redis transaction that failed with an error has written all the same where the server refuses MULTI.
#
# Expected: an exception from ExecuteAsync means that nothing of the transaction was carried out: it is all or nothing.
# Really: the client sends MULTI, the commands and EXEC in one go and does not wait for MULTI's answer. A user who may run everything
# but MULTI gets "ERR EXEC without MULTI", after every queued command was carried out by itself. A retry writes twice.
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
redis-cli -p "$redis" acl setuser worker on '>secret' '~*' '&*' +@all -multi >/dev/null
run_program 'StackExchange.Redis@2.13.23' "$redis" <<'EOF'
using StackExchange.Redis;
Console.WriteLine("StackExchange.Redis 2.13.23");
await using var redis = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{args[0]},user=worker,password=secret");
var db = redis.GetDatabase();
for (var attempt = 1; attempt <= 3; attempt++)
{
    var transaction = db.CreateTransaction();
    _ = transaction.StringIncrementAsync("paid", 100);
    try { Console.WriteLine($"attempt {attempt}: {await transaction.ExecuteAsync()}"); }
    catch (RedisServerException e) { Console.WriteLine($"attempt {attempt}: {e.Message}"); }
}

Console.WriteLine($"paid={await db.StringGetAsync("paid")}");
EOF

if grep -q "attempt 3: ERR EXEC without MULTI" "$dir/output" && grep -qx paid=300 "$dir/output"; then
  echo 'Still so.'
else
  echo 'The behaviour has changed.'
  exit 1
fi
