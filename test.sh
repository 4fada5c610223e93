#!/usr/bin/env bash
# Runs the tests: all of them, or those with one of the given texts in their full name.
#
#   ./test.sh                  everything
#   ./test.sh Harness Proxy    only tests whose full name contains Harness or Proxy
#
# The last line is `N passed, N failed, N skipped`. Exits with 1 if a test failed or none ran.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"

case ${1:-} in
  -h | --help)
    sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$ROOT/test.sh"
    exit
    ;;
esac

RESULTS=$ROOT/.local/test-results
HANG_TIMEOUT=10m
# What the test runner says about itself.
NOISE='^(Test run for |A total of |Results File: |Data collector .Blame. message: All tests|No test is available|No test matches|Additionally, path to test adapters)|^$'
passed=0 failed=0 skipped=0
ran=()

# One project's counters, from the results file that its run has left.
count_results() {
  local file=$1 counters total executed ok
  if ! counters=$(grep -oE '<Counters [^>]*' "$file" 2>/dev/null); then
    return 1
  fi
  total=$(counter total) executed=$(counter executed) ok=$(counter passed)
  passed=$((passed + ok)) failed=$((failed + executed - ok)) skipped=$((skipped + total - executed))
}

counter() {
  sed -E "s/.* $1=\"([0-9]+)\".*/\1/" <<<"$counters"
}

# The texts as a filter of dotnet test.
filter_of() {
  local text filter=
  for text in "$@"; do
    filter+="${filter:+|}FullyQualifiedName~$text"
  done
  printf '%s' "$filter"
}

# The longest first, so that it does not run alone in the end.
test_projects() {
  grep -l Microsoft.NET.Test.Sdk tests/Silo.Tests/*.csproj tests/*/*.csproj | awk '!seen[$0]++'
}

# Runs one project; what it prints and its exit code go to files. The variable marks every process that its tests start.
start_project() {
  local project=$1 name code=0
  shift
  name=$(basename "$project" .csproj)
  WRITEBEHIND_TEST_RUN=$$.$name dotnet test "$project" --no-build --results-directory "$RESULTS" --logger "trx;LogFileName=$name.trx" \
    --logger "console;verbosity=minimal" --blame-hang --blame-hang-timeout "$HANG_TIMEOUT" --blame-hang-dump-type none "$@" \
    >"$RESULTS/$name.out" 2>&1 </dev/null || code=$?
  printf '%s' "$code" >"$RESULTS/$name.code"
}

# Prints what a project that has run came to, and counts it.
report_project() {
  local name before=$((passed + failed + skipped)) failed_before=$failed code
  name=$(basename "$1" .csproj)
  say "" "── $name"
  grep -vE "$NOISE" "$RESULTS/$name.out" || true
  code=$(cat "$RESULTS/$name.code")
  wait_for_leftovers "$name"
  # Also a run in which no test fits the filter leaves its results; one that leaves none was cut off, whatever its code says.
  count_results "$RESULTS/$name.trx" || code="$code, no results"
  if [ "$code" != 0 ] && [ "$failed" = "$failed_before" ]; then
    warn "$name ended early (code $code): counted as one failure."
    failed=$((failed + 1))
  fi
  [ $((passed + failed + skipped)) = "$before" ] || ran+=("$name")
}

# The marked processes of this run, of one project or of all.
processes_of() {
  { grep -lszE "^WRITEBEHIND_TEST_RUN=$$\\.$1\$" /proc/[0-9]*/environ || true; } | cut -d/ -f3 | paste -sd' ' -
}

# Jobs in the background do not get Ctrl-C.
stop_all() {
  local left
  left=$(processes_of '.*')
  # shellcheck disable=SC2086
  [ -z "$left" ] || kill -TERM $left 2>/dev/null || true
  exit 130
}

# Most projects wait for servers and processes more than they work, so three of them share the machine. The engine's tests, which
# measure lag and age, have it to themselves.
run_projects() {
  local project projects=()
  while read -r project; do
    if [ "$(basename "$project" .csproj)" = WriteBehind.Tests ]; then
      continue
    fi
    projects+=("$project")
    [ "$(jobs -rp | wc -l)" -lt 3 ] || wait -n
    start_project "$project" "$@" &
  done < <(test_projects)
  wait
  for project in "${projects[@]}"; do
    report_project "$project"
  done
  project=tests/WriteBehind.Tests/WriteBehind.Tests.csproj
  start_project "$project" "$@"
  report_project "$project"
}

# The tests' servers end moments after the process that started them. What does not end is a fault of the tests.
wait_for_leftovers() {
  local tries left
  for ((tries = 0; tries < 600; tries++)); do
    left=$(processes_of "$1")
    [ -n "$left" ] || return 0
    sleep 0.1
  done
  warn "$1 left processes running: counted as one failure."
  ps -o pid,etime,args -p "${left// /,}" >&2 || true
  failed=$((failed + 1))
}

ensure_dotnet
ensure_servers programs
ensure_postgres_18
ensure_browser
build "$SOLUTION" Debug

# Most of the tests' processes end before what the JIT does for them later pays. What it learns about them took a quarter of their
# processor time; compiling anew what was called often, and pages that are never writable and executable at once, a tenth.
export DOTNET_TieredPGO=0 DOTNET_TC_CallCountingDelayMs=1000 DOTNET_EnableWriteXorExecute=0

rm -rf "$RESULTS"
mkdir -p "$RESULTS"
arguments=()
[ $# = 0 ] || arguments=(--filter "$(filter_of "$@")")
say "Testing …"
trap stop_all INT TERM
run_projects "${arguments[@]}"

say "" "Ran: ${ran[*]:-nothing}"
[ "${#ran[@]}" != 0 ] || warn "No test ran."
say "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "${#ran[@]}" != 0 ]
