#!/usr/bin/env bash
# An error that PgBouncer answers with is no answer of PostgreSQL: the batch commits seconds later.
#
# Expected: a PostgresException is the server's word. A FATAL error in a batch of BEGIN, INSERT, COMMIT means that nothing was stored.
# Really: PgBouncer makes ErrorResponse messages of its own (here: query_timeout), always with SQLSTATE 08P01, and Npgsql can't tell
# them from PostgreSQL's. The pooler closes its connection to the server; PostgreSQL goes on with what it has received,
# COMMIT included, and the row is there a moment later. What gives such an error away: routine, file and line are empty, which
# PostgreSQL always fills. (And IsTransient is false.)
# Seen with Npgsql 10.0.3 on .NET 10, PgBouncer 1.18.0 (Debian 12) and PostgreSQL 15.18.
# Needs the .NET SDK 10, PostgreSQL and Debian's apt-get. Ends 0 while it is so, 1 when it has changed, 2 where it can't be tried.
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
start_pgbouncer() { # SETTING…
  (cd "$dir" && apt-get download -q pgbouncer=1.18.0-1+deb12u1 libevent-2.1-7 libc-ares2 >/dev/null 2>&1 &&
    for deb in ./*.deb; do dpkg-deb -x "$deb" root; done) || { echo 'pgbouncer 1.18 can not be downloaded'; exit 2; }
  pooler=$(free_port)
  printf '%s\n' '[databases]' "app = host=127.0.0.1 port=$postgres dbname=postgres user=app pool_mode=transaction" \
    "session = host=127.0.0.1 port=$postgres dbname=postgres user=app pool_mode=session" \
    '[pgbouncer]' 'listen_addr = 127.0.0.1' "listen_port = $pooler" 'auth_type = any' 'unix_socket_dir =' "$@" >"$dir/pgbouncer.ini"
  chmod -R a+rX "$dir/root" "$dir/pgbouncer.ini"
  (cd / && LD_LIBRARY_PATH=$(dirname "$(find "$dir/root" -name 'libevent-2.1.so.7')") exec "${as_user[@]}" \
    "$dir/root/usr/sbin/pgbouncer" "$dir/pgbouncer.ini") >"$dir/pgbouncer.log" 2>&1 &
  pids+=($!)
  until_ok "$bin/psql" -h 127.0.0.1 -p "$pooler" -U app app -c 'SELECT 1'
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
start_pgbouncer 'query_timeout = 1'
run_program 'Npgsql@10.0.3' "$postgres" "$pooler" <<'EOF'
using Npgsql;
Console.WriteLine($"Npgsql {typeof(NpgsqlConnection).Assembly.GetName().Version}");
await using var direct = new NpgsqlConnection($"Host=127.0.0.1;Port={args[0]};Username=app;Database=postgres;Pooling=false");
await direct.OpenAsync();
await new NpgsqlCommand("CREATE TABLE a (v int)", direct).ExecuteNonQueryAsync();
await using var pooled = new NpgsqlConnection($"Host=127.0.0.1;Port={args[1]};Username=app;Database=app;Pooling=false");
await pooled.OpenAsync();
try
{
    await using var batch = new NpgsqlBatch(pooled)
    {
        BatchCommands = { new("BEGIN"), new("INSERT INTO a SELECT 1 FROM pg_sleep(4)"), new("COMMIT") },
    };
    await batch.ExecuteNonQueryAsync();
}
catch (PostgresException e)
{
    Console.WriteLine($"{e.Severity} {e.SqlState} '{e.MessageText}' routine='{e.Routine}' transient={e.IsTransient}");
}

Console.WriteLine($"rows at once={await CountAsync()}");
for (var i = 0; i < 100 && await CountAsync() is 0L; i++)
{
    await Task.Delay(100);
}

Console.WriteLine($"rows later={await CountAsync()}");

async Task<object> CountAsync() => await new NpgsqlCommand("SELECT count(*) FROM a", direct).ExecuteScalarAsync();
EOF

if grep -q "^FATAL 08P01 .query timeout. routine=.. transient=False" "$dir/output" && grep -qx "rows at once=0" "$dir/output" &&
  grep -qx "rows later=1" "$dir/output"; then
  echo 'Still so.'
else
  echo 'The behaviour has changed.'
  exit 1
fi
