#!/usr/bin/env bash
# Twemproxy (nutcracker) routes a script by its first key: the other keys are read and written on the wrong server, without an error.
#
# Expected: a proxy that shards keys refuses a script whose keys live on several servers, as Redis Cluster does with CROSSSLOT.
# Really: EVAL goes to the server of the first key and is run there with all keys. A key of the other server is nil for the script, and what the
# script writes under it is not found by a plain GET later. No error anywhere. {} in keys does not help unless hash_tag is configured.
# Seen with nutcracker 0.5.0 (Debian 12) and Redis 7.0.15.
# Needs redis-server and Debian's apt-get. Ends 0 while it is so, 1 when it has changed, 2 where it can't be tried.
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

(cd "$dir" && apt-get download -q nutcracker=0.5.0+dfsg-2 libyaml-0-2 >/dev/null 2>&1 && for deb in ./*.deb; do dpkg-deb -x "$deb" root; done) ||
  { echo 'nutcracker 0.5 can not be downloaded'; exit 2; }
start_redis
first=$redis
start_redis
second=$redis
proxy=$(free_port)
stats=$(free_port)
cat >"$dir/nutcracker.yml" <<EOF
pool:
  listen: 127.0.0.1:$proxy
  redis: true
  distribution: modula
  hash: fnv1a_64
  servers:
    - 127.0.0.1:$first:1
    - 127.0.0.1:$second:1
EOF
LD_LIBRARY_PATH=$(dirname "$(find "$dir/root" -name 'libyaml-0.so.2')") "$dir/root/usr/sbin/nutcracker" -c "$dir/nutcracker.yml" -s "$stats" \
  -o "$dir/nutcracker.log" &
pids+=($!)
until_ok redis-cli -p "$proxy" ping

for i in $(seq 40); do redis-cli -p "$proxy" set "{tag}:$i" old >/dev/null; done
here=$(redis-cli -p "$first" keys '*' | head -n 1)
there=$(redis-cli -p "$second" keys '*' | head -n 1)
{
  echo "nutcracker 0.5.0: '$here' is on one server, '$there' on the other"
  echo "the script reads: $(redis-cli -p "$proxy" eval "return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]) or 'nil'}" 2 "$here" "$there" | xargs)"
  echo "the script writes: $(redis-cli -p "$proxy" eval "redis.call('SET', KEYS[1], 'new') return redis.call('SET', KEYS[2], 'new')" 2 "$here" "$there" | xargs)"
  echo "after it: $(redis-cli -p "$proxy" get "$here") $(redis-cli -p "$proxy" get "$there")"
} | tee "$dir/output"

if grep -qx 'the script reads: old nil' "$dir/output" && grep -qx 'the script writes: OK' "$dir/output" && grep -qx 'after it: new old' "$dir/output"; then
  echo 'Still so.'
else
  echo 'The behaviour has changed.'
  exit 1
fi
