#!/usr/bin/env bash
# A number that a Redis script hands to redis.call is not written as Lua writes it: 17 digits there, 14 in a text.
#
# Expected: redis.call('SET', key, n) stores what tostring(n) or n .. '' would, or at least what was meant: 0.1 for 0.1.
# Really: three roads lead out of a script, and each writes a number its own way. An argument of redis.call gets 17 significant digits:
# 0.1 is stored as 0.10000000000000001, and TIME in microseconds, 16 digits, arrives whole. In a text (.. or tostring) Lua keeps 14 and
# goes over to an exponent: the same time loses its last digits and is no integer any more, so that INCRBY refuses what was stored. A
# reply is cut to an integer. What is compared later as a text must be made with string.format on all roads, or come in as a text.
# Seen with Redis 7.0.15.
# Needs redis-server. Ends 0 while it is so, 1 when it has changed, 2 where it can't be tried.
set -euo pipefail
dir=$(mktemp -d "${TMPDIR:-/tmp}/finding.XXXXXX")
redis_pid=
cleanup() {
  if [ -n "$redis_pid" ]; then
    kill "$redis_pid" 2>/dev/null || true
    wait "$redis_pid" 2>/dev/null || true
  fi
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 2' INT TERM
command -v redis-server >/dev/null || { echo "redis-server is not installed"; exit 2; }
while :; do
  port=$((10000 + RANDOM % 12000))
  (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
done
redis-server --port "$port" --bind 127.0.0.1 --dir "$dir" --save '' --appendonly no >"$dir/log" &
redis_pid=$!
for _ in $(seq 150); do redis-cli -p "$port" ping >/dev/null 2>&1 && break; sleep 0.2; done
redis() { redis-cli -p "$port" "$@"; }

redis info server | tr -d '\r' | sed -n 's/^redis_version:/Redis /p'
micros=1764555000123456 # A time in microseconds, as TIME gives it in two parts.
show() { # NAME VALUE EXPECTED
  echo "$1: $2"
  [ "$2" = "$3" ] || changed=1
}
changed=
redis eval "redis.call('SET', KEYS[1], 0.1)" 1 tenth >/dev/null
show '0.1 as an argument' "$(redis get tenth)" 0.10000000000000001
redis eval "redis.call('SET', KEYS[1], 0.1 .. '')" 1 tenth >/dev/null
show '0.1 as a text' "$(redis get tenth)" 0.1
redis eval "redis.call('SET', KEYS[1], ARGV[1] * 1000000 + ARGV[2])" 1 time "${micros:0:10}" "${micros:10}" >/dev/null
show 'microseconds as an argument' "$(redis get time)" "$micros"
show 'and INCRBY' "$(redis incrby time 1)" $((micros + 1))
redis eval "redis.call('SET', KEYS[1], (ARGV[1] * 1000000 + ARGV[2]) .. '')" 1 time "${micros:0:10}" "${micros:10}" >/dev/null
show 'microseconds as a text' "$(redis get time)" 1.7645550001235e+15
show 'and INCRBY' "$(redis incrby time 1 2>&1)" 'ERR value is not an integer or out of range'
show '3.7 as a reply' "$(redis eval 'return 3.7' 0)" 3

if [ -n "$changed" ]; then
  echo 'The behaviour has changed.'
  exit 1
fi
echo 'Still so.'
