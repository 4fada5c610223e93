#!/usr/bin/env bash
# With synchronous_standby_names = '*' a base backup that is being taken acknowledges commits as a synchronous standby does.
#
# Expected: a commit is acknowledged once a standby has it; without one it waits. A backup is a copy of files and has no part in that.
# Really: pg_basebackup fetches WAL over a connection of its own, by default on a temporary slot, and tells how far it has flushed. That
# makes it a candidate for '*': it is listed as sync, and with each WAL segment that it has finished the commits in it are acknowledged.
# Once it ends (or its files are deleted) nobody but the primary has them. So a fail-over to a standby that is just being made can lose
# what was acknowledged meanwhile. With the standby's own name (walreceiver, or its cluster_name) instead of '*' commits go on waiting.
# Seen with PostgreSQL 15.
# Needs PostgreSQL. Ends 0 while it is so, 1 when it has changed, 2 where it can't be tried.
set -euo pipefail
dir=$(mktemp -d "${TMPDIR:-/tmp}/finding.XXXXXX")
pids=()
cleanup() {
  local i
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do # Clients before their servers.
    kill -INT "${pids[i]}" 2>/dev/null || continue # Commits that wait do not hold the server up.
    wait "${pids[i]}" 2>/dev/null || true
  done
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 2' INT TERM
chmod 755 "$dir"
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
[ "$(id -u)" != 0 ] || as_user=(setpriv --reuid=postgres --regid=postgres --init-groups) # It does not run as root.
bin=$(pg_config --bindir 2>/dev/null || true)
[ -x "$bin/initdb" ] || bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -n 1)
[ -x "$bin/pg_basebackup" ] || exit 2
port=$(free_port)
mkdir "$dir/pg"
[ "$(id -u)" != 0 ] || chown postgres "$dir/pg"
(cd / && "${as_user[@]}" "$bin/initdb" -D "$dir/pg/data" -U app -A trust --no-sync >/dev/null)
(cd / && exec "${as_user[@]}" "$bin/postgres" -D "$dir/pg/data" -p "$port" -c listen_addresses=127.0.0.1 \
  -c unix_socket_directories= -c fsync=off) >"$dir/pg.log" 2>&1 &
pids+=($!)
sql() { "$bin/psql" -h 127.0.0.1 -p "$port" -U app -AtqX postgres "$@"; }
until_ok sql -c 'SELECT 1'
sql -c 'CREATE TABLE t (n int)' -c "ALTER SYSTEM SET synchronous_standby_names = '*'" -c 'SELECT pg_reload_conf()' >/dev/null
until_ok sh -c "'$bin/psql' -h 127.0.0.1 -p $port -U app -Atq postgres -c 'SHOW synchronous_standby_names' | grep -qx '\*'"
commit() { # With the next segment, which a busy server begins by itself. ROW SECONDS: says whether it is acknowledged by then.
  (sleep 1; sql -c 'SELECT pg_switch_wal()' >/dev/null) &
  if timeout "$2" "$bin/psql" -h 127.0.0.1 -p "$port" -U app -AtqX postgres -c "INSERT INTO t VALUES ($1)" >/dev/null 2>&1; then
    echo acknowledged
  else
    echo waits
  fi
}
backup() { # Slow enough to look at.
  (cd / && exec "${as_user[@]}" "$bin/pg_basebackup" -h 127.0.0.1 -p "$port" -U app -D "$dir/pg/$1" --checkpoint=fast --no-sync \
    --max-rate=1M) >"$dir/backup.log" 2>&1 &
  pids+=($!)
  until_ok sh -c "'$bin/psql' -h 127.0.0.1 -p $port -U app -Atq postgres \
    -c \"SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' AND flush_lsn IS NOT NULL\" | grep -q 1"
}

sql -c 'SHOW server_version'
{
  echo "nobody there: $(commit 1 3)"
  backup one
  echo "a base backup under way: $(commit 2 20), $(sql -c "SELECT application_name || ' is ' || sync_state FROM pg_stat_replication \
    WHERE state = 'streaming'")"
  kill "${pids[1]}"
  wait "${pids[1]}" 2>/dev/null || true
  echo "given up: $(commit 3 3)"
  sql -c "ALTER SYSTEM SET synchronous_standby_names = 'walreceiver'" -c 'SELECT pg_reload_conf()' >/dev/null
  backup two
  echo "the same, by the standby's name: $(commit 4 15)"
} | tee "$dir/output"

if diff - "$dir/output" <<'END'; then
nobody there: waits
a base backup under way: acknowledged, pg_basebackup is sync
given up: waits
the same, by the standby's name: waits
END
  echo 'Still so.'
else
  echo 'The behaviour has changed.'
  exit 1
fi
