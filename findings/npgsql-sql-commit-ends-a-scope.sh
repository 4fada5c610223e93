#!/usr/bin/env bash
# COMMIT in SQL on a connection that a TransactionScope has enlisted keeps the scope's work, though the scope is never completed.
#
# Expected: within a TransactionScope the transaction is the scope's: BEGIN and COMMIT as text fail, or the scope's end without Complete()
# rolls back, or at least throws.
# Really: the connection enlists when it is opened, also one that a background loop opens which was merely started under the scope (its
# ExecutionContext flows). BEGIN is a warning, COMMIT commits all that was done before it, and the rollback at the end of the scope finds
# no transaction, which is a warning as well. Nothing is thrown, and the row stays. Enlist=false in the connection string, or a loop
# that is started with suppressed flow, is the way out.
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
using System.Transactions;
using Npgsql;
Console.WriteLine($"Npgsql {typeof(NpgsqlConnection).Assembly.GetName().Version}");
await using var source = NpgsqlDataSource.Create($"Host=127.0.0.1;Port={args[0]};Username=app;Database=postgres");
await RunAsync("CREATE TABLE a (v text)");
foreach (var own in (bool[])[false, true])
{
    try
    {
        using var scope = new TransactionScope(TransactionScopeAsyncFlowOption.Enabled);
        await RunAsync($"INSERT INTO a VALUES ('of the scope, {own}')");
        if (own)
        {
            await RunAsync("BEGIN", "INSERT INTO a VALUES ('of the batch')", "COMMIT");
        }

        // No scope.Complete().
    }
    catch (Exception e)
    {
        Console.WriteLine($"{e.GetType().Name}: {e.Message}");
    }

    await using var connection = await source.OpenConnectionAsync();
    await using var count = new NpgsqlCommand("SELECT count(*) FROM a", connection);
    Console.WriteLine($"COMMIT in SQL: {own}, rows after the abandoned scope: {await count.ExecuteScalarAsync()}");
}

async Task RunAsync(params string[] statements)
{
    await using var connection = await source.OpenConnectionAsync();
    await using var batch = new NpgsqlBatch(connection);
    foreach (var statement in statements)
    {
        batch.BatchCommands.Add(new(statement));
    }

    await batch.ExecuteNonQueryAsync();
}
EOF

if grep -qx 'COMMIT in SQL: False, rows after the abandoned scope: 0' "$dir/output" &&
  grep -qx 'COMMIT in SQL: True, rows after the abandoned scope: 2' "$dir/output" && ! grep -q Exception "$dir/output"; then
  echo 'Still so.'
else
  echo 'The behaviour has changed.'
  exit 1
fi
