#!/usr/bin/env bash
# Runs the engine's contract and a short main job on the servers that people run, and says for each whether it works, works with a
# setting, or is refused at the start, and with which sentence. About fifteen minutes: five with each set of libraries, which are those of
# Directory.Packages.props, the next major version of StackExchange.Redis, and the oldest Npgsql that is supported.
#
#   ./matrix.sh                      all servers with all of these
#   ./matrix.sh --write              also writes docs/compatibility.md
#   ./matrix.sh --quick              with the first of these only
#   ./matrix.sh --stackexchange V    with this version of StackExchange.Redis only
#   ./matrix.sh --npgsql V           with this version of Npgsql only
#
# Redis, PostgreSQL, PgBouncer, Twemproxy, Garnet and PostgreSQL 18 are found or installed, and started on free loopback ports.
# Exit codes: 0 all came to what is expected, 1 not, 2 a wrong option.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"

PAGE= ONE=() HAS_ONE=
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$ROOT/matrix.sh"
      exit
      ;;
    --write) PAGE=docs/compatibility.md ;;
    --quick) HAS_ONE=1 ;;
    --stackexchange | --npgsql)
      [ $# -gt 1 ] || { warn "$1 needs a version."; exit 2; }
      HAS_ONE=1
      case $1 in
        --stackexchange) ONE+=("-p:StackExchangeRedisVersion=$2") ;;
        # Its EF Core provider takes none that is older than itself.
        *) ONE+=("-p:NpgsqlVersion=$2" "-p:NpgsqlProviderVersion=$2") ;;
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
RESULTS=$(mktemp)
trap 'rm -f "$RESULTS"' EXIT
FAILED=0

# With the libraries that these properties name.
run() {
  say "Building … $*"
  dotnet build tools/Matrix/Matrix.csproj -c Debug -v q "-clp:ErrorsOnly;NoSummary" -nodeReuse:false \
    -p:RunAnalyzers=false -p:TreatWarningsAsErrors=false -p:UseArtifactsOutput=true -p:ArtifactsPath="$OUTPUT" "$@"
  dotnet "$OUTPUT/bin/Matrix/debug/Matrix.dll" run "$RESULTS" || FAILED=1
}

if [ -n "$HAS_ONE" ]; then
  run "${ONE[@]}"
else
  run
  run -p:StackExchangeRedisVersion=3.4.35
  run -p:NpgsqlVersion=10.0.0 -p:NpgsqlProviderVersion=10.0.0
fi
[ -z "$PAGE" ] || dotnet "$OUTPUT/bin/Matrix/debug/Matrix.dll" page "$RESULTS" "$PAGE"
exit $FAILED
