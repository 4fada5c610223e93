#!/usr/bin/env bash
# A condition of a StackExchange.Redis transaction guards nothing where the server refuses WATCH.
#
# Expected: AddCondition is WATCH on the wire; a user who may not run WATCH (or a server where the command was renamed away)
# makes the transaction fail, and the caller sees the error.
# Really: the refusal of WATCH is read and dropped. The condition is still checked, by a plain read; then MULTI … EXEC runs
# whatever happened in between. Two counters that are raised by compare-and-set lose updates, every EXEC reports success, nothing
# is thrown. Only a WATCH of one's own (ExecuteAsync) shows the refusal.
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
redis-cli -p "$redis" acl setuser worker on '>secret' '~*' '&*' +@all -watch >/dev/null
run_program 'StackExchange.Redis@2.13.23' "$redis" <<'EOF'
using StackExchange.Redis;
Console.WriteLine("StackExchange.Redis 2.13.23");
foreach (var user in (string[])["default", "worker"])
{
    var login = user == "default" ? "" : ",user=worker,password=secret";
    await using var one = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{args[0]}{login}");
    await using var two = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{args[0]}{login}");
    await one.GetDatabase().StringSetAsync("n", 0);
    var committed = 0;
    async Task RaiseAsync(IDatabase db)
    {
        for (var i = 0; i < 500; i++)
        {
            var seen = await db.StringGetAsync("n");
            var transaction = db.CreateTransaction();
            transaction.AddCondition(Condition.StringEqual("n", seen));
            _ = transaction.StringSetAsync("n", (long)seen + 1);
            if (await transaction.ExecuteAsync()) Interlocked.Increment(ref committed);
        }
    }

    await Task.WhenAll(RaiseAsync(one.GetDatabase()), RaiseAsync(two.GetDatabase()));
    var stored = (long)await one.GetDatabase().StringGetAsync("n");
    Console.WriteLine($"user {user}: {committed} transactions reported success, the counter says {stored}");
    Console.WriteLine($"{user}.lost={committed - stored}");
    if (user == "worker")
    {
        try { await one.GetDatabase().ExecuteAsync("WATCH", (RedisKey)"n"); }
        catch (RedisServerException e) { Console.WriteLine($"a WATCH of its own: {e.Message}"); }
    }
}
EOF

if grep -qx default.lost=0 "$dir/output" && grep -qE "^worker.lost=[1-9]" "$dir/output" && grep -q "a WATCH of its own: NOPERM" "$dir/output"; then
  echo 'Still so.'
else
  echo 'The behaviour has changed.'
  exit 1
fi
