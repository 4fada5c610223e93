#!/usr/bin/env bash
# Starts Redis (append-only) or PostgreSQL for the app host, as they are installed here, and stops with it. The data is removed then.
#
#   PRIVATE_PORT=6379 ./server.sh redis
#   PRIVATE_PORT=5432 PRIVATE_PASSWORD=secret ./server.sh postgres
set -euo pipefail
# shellcheck source=../../scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

ensure_servers any
[ "$SERVERS" = programs ] || die "Redis or PostgreSQL is not installed here: start the app host without --programs."
case ${1:-} in
  redis) start_private_redis "$ROOT/.local/apphost.$$" ;;
  postgres) start_private_postgres "$ROOT/.local/apphost.$$" ;;
  *) die "Say redis or postgres." ;;
esac
say "$1 listens on port $PRIVATE_PORT."
wait "${STARTED_PIDS[0]%:*}"
