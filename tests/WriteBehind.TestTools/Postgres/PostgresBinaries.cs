using System.Globalization;
using System.Runtime.CompilerServices;
using WriteBehind.TestTools.Processes;

namespace WriteBehind.TestTools.Postgres;

/// <summary>Where the programs of PostgreSQL are, and as whom they run: they refuse to run as root.</summary>
internal static class PostgresBinaries
{
    private const string DebianRoot = "/usr/lib/postgresql";
    private static readonly Lazy<Task<string>> Installed = new(FindAsync);
    private static readonly Lazy<Task<string>> Eighteen = new(() => DownloadAsync());

    /// <summary>The user that servers run as; null for the current one.</summary>
    public static string? User => Environment.IsPrivilegedProcess ? "postgres" : null;

    /// <summary>The full path of one of its programs.</summary>
    public static async Task<string> PathOfAsync(string program, PostgresRelease release)
        => Path.Combine(await (release == PostgresRelease.Installed ? Installed : Eighteen).Value, program);

    /// <summary>What the scripts do before the tests: here for those who run tests without them.</summary>
    private static async Task<string> DownloadAsync([CallerFilePath] string here = "")
    {
        var scripts = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../../scripts/lib.sh"));
        var said = await ToolRunner.RunAsync(
            "bash", ["-c", """set -euo pipefail; . "$0"; ensure_postgres_18; say "$POSTGRES_18_BIN" """, scripts]);
        return said.TrimEnd().Split('\n')[^1];
    }

    private static async Task<string> FindAsync()
    {
        List<string> candidates = [];
        if (Directory.Exists(DebianRoot))
        {
            candidates.AddRange(
                Directory.GetDirectories(DebianRoot).OrderByDescending(VersionOf).Select(static path => Path.Combine(path, "bin")));
        }

        try
        {
            candidates.Insert(0, (await ToolRunner.RunAsync("pg_config", ["--bindir"])).Trim());
        }
        catch (Exception error) when (error is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            // No pg_config, or (as Debian installs it) one that lacks the development package: the folders have to do.
        }

        return candidates.FirstOrDefault(
            static path => File.Exists(Path.Combine(path, "initdb")) && File.Exists(Path.Combine(path, "postgres")))
            ?? throw new InvalidOperationException(
                $"No PostgreSQL server was found by pg_config or below {DebianRoot}. Install it (Debian: apt-get install postgresql).");
    }

    private static int VersionOf(string path)
        => int.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version : 0;
}
