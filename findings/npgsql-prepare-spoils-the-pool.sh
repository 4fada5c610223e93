#!/usr/bin/env bash
# A batch whose Prepare fails in the client spoils the pooled connection for good batches.
#
# Expected: a value that can't be written (a DateTime of kind Local for timestamptz) fails before anything is sent; the connection goes back
# to its pool as it was, and the next user never notices.
# Really: Npgsql has already noted the statements before the bad one as prepared, though it never sent them. They are remembered with the
# connection, which stays in the pool: the next batch with the same text "prepares" at once, then fails with 26000, and so does every
# one after it on this connection. The same values in a batch that was never prepared pass.
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
await using var source = NpgsqlDataSource.Create($"Host=127.0.0.1;Port={args[0]};Username=app;Database=postgres;Maximum Pool Size=1");
await RunAsync("bad value, prepared", DateTime.Now, prepare: true);
await RunAsync("good value, prepared", DateTime.UtcNow, prepare: true);
await RunAsync("good value, prepared, again", DateTime.UtcNow, prepare: true);
source.Clear();
await RunAsync("good value, prepared, new connection", DateTime.UtcNow, prepare: true);

async Task RunAsync(string what, DateTime at, bool prepare)
{
    await using var connection = await source.OpenConnectionAsync();
    await using var batch = new NpgsqlBatch(connection);
    batch.BatchCommands.Add(new("SELECT $1::int") { Parameters = { new NpgsqlParameter<int> { TypedValue = 1 } } });
    batch.BatchCommands.Add(new("SELECT $1::timestamptz")
    {
        Parameters = { new NpgsqlParameter<DateTime> { TypedValue = at, NpgsqlDbType = NpgsqlDbType.TimestampTz } },
    });
    try
    {
        if (prepare) await batch.PrepareAsync();
        await batch.ExecuteNonQueryAsync();
        Console.WriteLine($"{what}: fine");
    }
    catch (PostgresException e) { Console.WriteLine($"{what}: {e.SqlState}"); }
    catch (ArgumentException) { Console.WriteLine($"{what}: refused by the client"); }
}
EOF

if grep -qx "bad value, prepared: refused by the client" "$dir/output" && grep -qx "good value, prepared: 26000" "$dir/output" &&
  grep -qx "good value, prepared, again: 26000" "$dir/output" && grep -qx "good value, prepared, new connection: fine" "$dir/output"; then
  echo 'Still so.'
else
  echo 'The behaviour has changed.'
  exit 1
fi
