#!/usr/bin/env bash
# Runs the engine's contract and a short main job on the servers that people run, and says for each whether it works, works with a
# setting, or is refused at the start, and with which sentence. About five minutes.
#
#   ./matrix.sh                      all of them
#   ./matrix.sh --write              also writes docs/compatibility.md
#   ./matrix.sh --stackexchange V    with this version of StackExchange.Redis
#   ./matrix.sh --npgsql V           with this version of Npgsql
#
# Redis, PostgreSQL, PgBouncer, Twemproxy, Garnet and PostgreSQL 18 are found or installed, and started on free loopback ports.
# Exit codes: 0 all came to what is expected, 1 not, 2 a wrong option.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"

FILE=() PROPERTIES=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$ROOT/matrix.sh"
      exit
      ;;
    --write) FILE=(docs/compatibility.md) ;;
    --stackexchange | --npgsql)
      [ $# -gt 1 ] || { warn "$1 needs a version."; exit 2; }
      case $1 in
        --stackexchange) PROPERTIES+=("-p:StackExchangeRedisVersion=$2") ;;
        # Its EF Core provider takes none that is older than itself.
        *) PROPERTIES+=("-p:NpgsqlVersion=$2" "-p:NpgsqlProviderVersion=$2") ;;
      esac
      shift
      ;;
    *)
      warn "unknown option $1; see --help."
      exit 2
      ;;
  esac
  shift
done

ensure_dotnet
ensure_servers programs
ensure_postgres_18
OUTPUT=$ROOT/.local/matrix
say "Building …"
dotnet build tools/Matrix/Matrix.csproj -c Debug -v q "-clp:ErrorsOnly;NoSummary" -nodeReuse:false \
  -p:RunAnalyzers=false -p:TreatWarningsAsErrors=false -p:UseArtifactsOutput=true -p:ArtifactsPath="$OUTPUT" "${PROPERTIES[@]}"
dotnet "$OUTPUT/bin/Matrix/debug/Matrix.dll" "${FILE[@]}"
