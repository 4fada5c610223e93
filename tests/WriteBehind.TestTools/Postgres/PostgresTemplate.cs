using System.Collections.Concurrent;
using WriteBehind.TestTools.Processes;

namespace WriteBehind.TestTools.Postgres;

/// <summary>
/// A freshly initialised data directory, made once per machine and PostgreSQL version and kept beside the servers' data:
/// copying it takes a tenth of the time of <c>initdb</c>.
/// </summary>
internal static class PostgresTemplate
{
    public const string UserName = "writebehind";
    public const string Password = "writebehind";

    // Raise it when the arguments of initdb below change.
    private const int Revision = 1;
    private static readonly ConcurrentDictionary<PostgresRelease, Lazy<Task<string>>> Made = new();

    /// <summary>Creates a data directory at a path that does not exist yet.</summary>
    public static async Task CopyToAsync(string path, PostgresRelease release)
    {
        var template = Made.GetOrAdd(release, static wanted => new(() => MakeAsync(wanted)));
        await ToolRunner.RunAsync("cp", ["-a", await template.Value, path], PostgresBinaries.User);
    }

    private static async Task<string> MakeAsync(PostgresRelease release)
    {
        var initdb = await PostgresBinaries.PathOfAsync("initdb", release);
        var version = (await ToolRunner.RunAsync(initdb, ["--version"])).Split(' ')[2].Trim();
        var template = Path.Combine(DataDirectory.Root, $"writebehind-postgres-template-{version}-{Revision}-{Environment.UserName}");
        if (Directory.Exists(template))
        {
            return template;
        }

        // Made under another name and moved: a template is either complete or not there, whoever else makes one meanwhile.
        var draft = DataDirectory.NewName("initdb");
        var passwordFile = draft + ".password";
        try
        {
            await File.WriteAllTextAsync(passwordFile, Password);
            await ToolRunner.RunAsync(
                initdb,
                ["-D", draft, "-U", UserName, "--pwfile", passwordFile, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"],
                PostgresBinaries.User);
            await ToolRunner.RunAsync("mv", ["-T", draft, template], PostgresBinaries.User);
        }
        catch (InvalidOperationException) when (Directory.Exists(template))
        {
            // Another process was quicker; its template is as good.
            DataDirectory.Remove(draft);
        }
        finally
        {
            File.Delete(passwordFile);
        }

        return template;
    }
}
