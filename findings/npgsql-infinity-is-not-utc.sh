#!/usr/bin/env bash
# An infinite timestamptz comes back as a DateTime that is not UTC, though every other one does, and though it was written as UTC.
#
# Expected: timestamptz is read as a DateTime of Kind Utc, and a DateTime that is not Utc is refused where a timestamptz is written. So
# what was read can be told from local times by its Kind, and what was written comes back with the Kind that it had.
# Really: DateTime.MinValue and MaxValue are sent as -infinity and infinity and come back with Kind Unspecified. Npgsql takes those two
# in any Kind, and refuses every other Unspecified value; a check of one's own that goes by the Kind refuses what the database gave.
# Seen with Npgsql 10.0.3 on .NET 10 and PostgreSQL 15.18.
# Needs the .NET SDK 10 and PostgreSQL. Ends 0 while it is so, 1 when it has changed, 2 where it can't be tried.
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
as_user=()
[ "$(id -u)" != 0 ] || as_user=(setpriv --reuid=postgres --regid=postgres --init-groups) # Neither server runs as root.
bin=$(pg_config --bindir 2>/dev/null || true)
[ -x "$bin/initdb" ] || bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -n 1)
start_postgres() {
  postgres=$(free_port)
  mkdir "$dir/pg"
  [ "$(id -u)" != 0 ] || chown postgres "$dir/pg"
  (cd / && "${as_user[@]}" "$bin/initdb" -D "$dir/pg/data" -U app -A trust --no-sync >/dev/null)
  (cd / && exec "${as_user[@]}" "$bin/postgres" -D "$dir/pg/data" -p "$postgres" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= -c fsync=off) >"$dir/pg.log" 2>&1 &
  pids+=($!)
  until_ok "$bin/psql" -h 127.0.0.1 -p "$postgres" -U app postgres -c 'SELECT 1'
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

start_postgres
run_program 'Npgsql@10.0.3' "$postgres" <<'EOF'
using Npgsql;
using NpgsqlTypes;
Console.WriteLine($"Npgsql {typeof(NpgsqlConnection).Assembly.GetName().Version}");
await using var source = NpgsqlDataSource.Create($"Host=127.0.0.1;Port={args[0]};Username=app;Database=postgres");
(string Name, DateTime Time)[] times = [("min", DateTime.MinValue), ("max", DateTime.MaxValue), ("usual", new DateTime(2024, 5, 1))];
foreach (var (name, time) in times)
{
    var read = await EchoAsync(DateTime.SpecifyKind(time, DateTimeKind.Utc));
    string again;
    try { again = (await EchoAsync(DateTime.SpecifyKind(read, DateTimeKind.Unspecified)) == read).ToString(); }
    catch (ArgumentException) { again = "refused"; }
    Console.WriteLine($"{name}: same ticks {read.Ticks == time.Ticks}, written Utc, read {read.Kind}; written Unspecified: {again}");
}

async Task<DateTime> EchoAsync(DateTime value)
{
    await using var command = source.CreateCommand("SELECT $1");
    command.Parameters.Add(new() { Value = value, NpgsqlDbType = NpgsqlDbType.TimestampTz });
    return (DateTime)(await command.ExecuteScalarAsync())!;
}
EOF

if grep -qx 'min: same ticks True, written Utc, read Unspecified; written Unspecified: True' "$dir/output" &&
  grep -qx 'max: same ticks True, written Utc, read Unspecified; written Unspecified: True' "$dir/output" &&
  grep -qx 'usual: same ticks True, written Utc, read Utc; written Unspecified: refused' "$dir/output"; then
  echo 'Still so.'
else
  echo 'The behaviour has changed.'
  exit 1
fi
