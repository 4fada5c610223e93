#!/usr/bin/env bash
# Behind PgBouncer NpgsqlConnection.ProcessID never is the backend's, in session mode either.
#
# Expected: comparing ProcessID with pg_backend_pid() tells transaction mode from session mode, where client and backend belong together.
# Really: PgBouncer gives every client a made-up pair of numbers for cancelling (Npgsql shows it, often negative), whatever the mode. The
# comparison tells that a pooler is there, not what it does. What tells the mode is two open connections, asked one after the other:
# the same backend answers both in transaction mode.
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
start_pgbouncer
run_program 'Npgsql@10.0.3' "$postgres" "$pooler" <<'EOF'
using Npgsql;
Console.WriteLine($"Npgsql {typeof(NpgsqlConnection).Assembly.GetName().Version}");
foreach (var (name, port, database) in ((string, string, string)[])[("direct", args[0], "postgres"), ("session", args[1], "session"), ("transaction", args[1], "app")])
{
    await using var one = new NpgsqlConnection($"Host=127.0.0.1;Port={port};Username=app;Database={database};Pooling=false");
    await using var two = new NpgsqlConnection(one.ConnectionString);
    await one.OpenAsync();
    await two.OpenAsync();
    var (first, second) = (await PidAsync(one), await PidAsync(two));
    Console.WriteLine($"{name}: ProcessID {one.ProcessID} and {two.ProcessID}, backends {first} and {second}");
    Console.WriteLine($"{name}: own={one.ProcessID == first} shared={first == second}");
}

async Task<int> PidAsync(NpgsqlConnection connection) => (int)(await new NpgsqlCommand("SELECT pg_backend_pid()", connection).ExecuteScalarAsync())!;
EOF

if grep -qx "direct: own=True shared=False" "$dir/output" && grep -qx "session: own=False shared=False" "$dir/output" &&
  grep -qx "transaction: own=False shared=True" "$dir/output"; then
  echo 'Still so.'
else
  echo 'The behaviour has changed.'
  exit 1
fi
