# shellcheck shell=bash
# The SDK, the packages and the build. Sourced by lib.sh, which lists the functions.

SOLUTION=Orleans.WriteBehind.sln
FILTER=WriteBehind.slnf
# The newest StackExchange.Redis of registries that carry only a part of the public gallery.
OLD_STACKEXCHANGE_REDIS=1.2.6
TARGET=$SOLUTION
LEFT_OUT=
PACKAGES=

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

restore_solution() {
  say "Restoring packages …"
  local missing
  if try_restore "$SOLUTION"; then
    PACKAGES="Built: everything ($SOLUTION), with StackExchange.Redis $(stackexchange_redis)."
    return
  fi

  # First the engine alone as it is: only if that fails, too, is it StackExchange.Redis itself that can't be had.
  missing=$MISSING_PACKAGES
  TARGET=$FILTER
  LEFT_OUT=$(projects_outside_filter)
  if ! try_restore "$FILTER"; then
    missing=$(tr -s ', ' '\n' <<<"$missing, $MISSING_PACKAGES" | sort -u | paste -sd, - | sed 's/,/, /g')
    export StackExchangeRedisVersion=$OLD_STACKEXCHANGE_REDIS
    try_restore "$FILTER" || die "Not even the engine alone can be restored: the package sources lack $MISSING_PACKAGES."
  fi

  PACKAGES="Built: only the engine ($FILTER), with StackExchange.Redis $(stackexchange_redis). The package sources lack $missing."
  [ -z "$LEFT_OUT" ] || PACKAGES+=" Left out: $(paste -sd, - <<<"$LEFT_OUT" | sed 's/,/, /g')."
  warn "*** PACKAGES ARE MISSING ***"
  warn "$PACKAGES"
}

build_solution() {
  local configuration=$1
  say "Building $TARGET ($configuration) …"
  dotnet build "$TARGET" --no-restore -c "$configuration" -v q "-clp:ErrorsOnly;NoSummary" -nodeReuse:false
}

# Restores a solution. Fails, with their names in MISSING_PACKAGES, only where packages do not exist; any other error ends the script.
try_restore() {
  local output errors
  if output=$(dotnet restore "$1" 2>&1); then
    return 0
  fi
  errors=$(grep -E ' error [A-Z]+[0-9]+' <<<"$output" || true)
  if [ -z "$errors" ] || grep -qvE ' error NU110[12]:' <<<"$errors"; then
    printf '%s\n' "$output" >&2
    die "The packages of $1 could not be restored (see above)."
  fi
  MISSING_PACKAGES=$(grep -oE 'Unable to find package [^ ]+' <<<"$errors" | sed 's/.* //; s/\.$//' | sort -u | paste -sd, - | sed 's/,/, /g')
  return 1
}

# The names of the projects that the solution has and the filter does not.
projects_outside_filter() {
  comm -23 <(project_names "$SOLUTION") <(project_names "$FILTER")
}

project_names() {
  grep -oE '[^"/\\]+\.csproj"' "$1" | sed 's/\.csproj"//' | LC_ALL=C sort
}

stackexchange_redis() {
  if [ -n "${StackExchangeRedisVersion:-}" ]; then
    printf '%s' "$StackExchangeRedisVersion"
  else
    grep -oE '<StackExchangeRedisVersion[^>]*>[^<]+' Directory.Packages.props | sed 's/.*>//'
  fi
}
