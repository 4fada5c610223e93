#!/usr/bin/env bash
# Orleans' stand-in for an exception that a process does not know is there only where the exception's assembly is.
#
# Expected: a caller that has no class for an error gets an UnavailableExceptionFallbackException with the error's message, whatever it is
# about the class that is missing.
# Really: so it is where the assembly is there and the class is not (an older release of it). Where the assembly itself is not there, as
# with a client that references only the grain interfaces, reading the answer fails with a TypeLoadException, and the message is lost.
# Seen with Microsoft.Orleans.Serialization 10.4.2 on .NET 10.
# Needs the .NET SDK 10. Ends 0 while it is so, 1 when it has changed, 2 where it can't be tried.
set -euo pipefail
dir=$(mktemp -d "${TMPDIR:-/tmp}/finding.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' INT TERM
export NUGET_PACKAGES=$dir/packages DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false
project() { # NAME PROPERTIES ITEMS
  mkdir -p "$dir/$1"
  cat >"$dir/$1/$1.csproj" <<EOF
<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><TargetFramework>net10.0</TargetFramework><ImplicitUsings>enable</ImplicitUsings>$2
</PropertyGroup><ItemGroup>$3</ItemGroup></Project>
EOF
}
program() { # NAME REFERENCES
  local packages='<PackageReference Include="Microsoft.Orleans.Serialization" Version="[10.4.2]" />'
  packages+='<PackageReference Include="Microsoft.Extensions.DependencyInjection" Version="[10.0.15]" />'
  project "$1" '<OutputType>Exe</OutputType>' "$packages$2"
  cp "$dir/Program.cs" "$dir/$1/"
  dotnet build "$dir/$1" -v q -clp:NoSummary >"$dir/build.log" 2>&1 || { cat "$dir/build.log"; exit 2; }
}
run() { dotnet "$dir/$1/bin/Debug/net10.0/$1.dll" "${@:2}"; }

cat >"$dir/Program.cs" <<'EOF'
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
var services = new ServiceCollection().AddSerializer();
services.Configure<ExceptionSerializationOptions>(options => options.SupportedNamespacePrefixes.Add("Shop"));
var serializer = services.BuildServiceProvider().GetRequiredService<Serializer>();
if (args.Length == 0)
{
    var error = (Exception)Activator.CreateInstance(Type.GetType("Shop.SoldOutException, Shop.Errors")!, "no lamps are left")!;
    Console.WriteLine(Convert.ToBase64String(serializer.SerializeToArray<Exception>(error)));
    return;
}

try
{
    var error = serializer.Deserialize<Exception>(Convert.FromBase64String(args[0]));
    Console.WriteLine($"read as {error.GetType().Name}, with the message: {error.Message.Contains("no lamps are left")}");
}
catch (Exception e)
{
    Console.WriteLine($"not read: {e.GetType().Name}, with the message: {e.Message.Contains("no lamps are left")}");
}
EOF
name='<AssemblyName>Shop.Errors</AssemblyName>'
project Newer "$name" ''
echo 'namespace Shop; public class SoldOutException(string message) : Exception(message);' >"$dir/Newer/Errors.cs"
project Older "$name" ''
echo 'namespace Shop; public class OtherException(string message) : Exception(message);' >"$dir/Older/Errors.cs"
program Sender '<ProjectReference Include="../Newer/Newer.csproj" />'
program Behind '<ProjectReference Include="../Older/Older.csproj" />'
program Without ''

echo 'Microsoft.Orleans.Serialization 10.4.2'
bytes=$(run Sender)
{
  echo "by whom has the class:              $(run Sender "$bytes")"
  echo "by whom has the assembly without it: $(run Behind "$bytes")"
  echo "by whom has no such assembly:        $(run Without "$bytes")"
} | tee "$dir/output"

if grep -qE '^by whom has the class: +read as SoldOutException, with the message: True$' "$dir/output" &&
  grep -qE 'without it: +read as UnavailableExceptionFallbackException, with the message: True$' "$dir/output" &&
  grep -qE 'no such assembly: +not read: TypeLoadException, with the message: False$' "$dir/output"; then
  echo 'Still so.'
else
  echo 'The behaviour has changed.'
  exit 1
fi
