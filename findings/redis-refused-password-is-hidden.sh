#!/usr/bin/env bash
# After a password was changed, a StackExchange.Redis client that reconnects never says that its password is refused.
#
# Expected: once the connection breaks, commands and the ConnectionFailed event tell of WRONGPASS or of a failed authentication, as a first
# connect does.
# Really: a first connect with the old password says so. A client that was connected before goes on reconnecting, is refused each
# time, and its commands speak of the lost connection alone; an operator looks for a network fault. Only a new connect tells.
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

start_redis --requirepass before
run_program 'StackExchange.Redis@2.13.23' "$redis" <<'EOF'
using StackExchange.Redis;
Console.WriteLine("StackExchange.Redis 2.13.23");
var old = $"127.0.0.1:{args[0]},password=before,connectTimeout=1000,syncTimeout=1000,allowAdmin=true";
var options = ConfigurationOptions.Parse(old + ",abortConnect=false");
options.ReconnectRetryPolicy = new LinearRetry(200);
var (said, failed, reported) = (new HashSet<string>(), new HashSet<string>(), new HashSet<string>());
await using var client = await ConnectionMultiplexer.ConnectAsync(options);
client.ConnectionFailed += (_, e) => { lock (failed) { failed.Add(Short($"{e.FailureType}: {e.Exception?.Message}")); } };
client.ErrorMessage += (_, e) => { lock (reported) { reported.Add(Short(e.Message)); } };
client.InternalError += (_, e) => { lock (reported) { reported.Add(Short(e.Exception.Message)); } };
await client.GetDatabase().PingAsync();

// Somebody changes the password and has the connections closed.
await using (var admin = await ConnectionMultiplexer.ConnectAsync(old))
{
    await admin.GetDatabase().ExecuteAsync("CONFIG", "SET", "requirepass", "after");
    try { await admin.GetDatabase().ExecuteAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"); } catch (RedisException) { }
}

for (var i = 0; i < 40; i++)
{
    try { await client.GetDatabase().PingAsync(); }
    catch (Exception e) { for (Exception? cause = e; cause is not null; cause = cause.InnerException) { said.Add(Short(cause.Message)); } }
    await Task.Delay(150);
}

var first = "no error";
try { await using var other = await ConnectionMultiplexer.ConnectAsync(old); }
catch (RedisConnectionException e) { first = e.Message; }
Show("commands of the connected client", said);
Show("its ConnectionFailed events", failed);
Show("its ErrorMessage and InternalError events", reported);
Show("a first connect", [first]);
Console.WriteLine($"commands.tell={said.Any(Tells)}");
Console.WriteLine($"events.tell={failed.Concat(reported).Any(Tells)}");
Console.WriteLine($"commands.fail={said.Count > 0}");
Console.WriteLine($"first.tells={Tells(first)}");

static string Short(string text) => text[..Math.Min(text.Length, 120)];
static bool Tells(string text) => new[] { "WRONGPASS", "NOAUTH", "authent", "password" }.Any(
    word => text.Contains(word, StringComparison.OrdinalIgnoreCase));
static void Show(string who, IEnumerable<string> texts)
{
    Console.WriteLine($"{who}:");
    foreach (var text in texts) { Console.WriteLine($"  {text}"); }
}
EOF

if grep -qx commands.fail=True "$dir/output" && grep -qx commands.tell=False "$dir/output" && grep -qx first.tells=True "$dir/output"; then
  echo 'Still so.'
else
  echo 'The behaviour has changed.'
  exit 1
fi
