using System.Globalization;
using Npgsql;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Cluster;

/// <summary>What PostgreSQL has done up to now.</summary>
/// <param name="Commits">Transactions of the workspace's database.</param>
/// <param name="Rows">Rows that they wrote.</param>
/// <param name="CpuSeconds">Processor time of the server and its processes; 0 where they are not on this machine.</param>
internal sealed record PostgresFigures(long Commits, long Rows, double CpuSeconds)
{
    /// <summary>The kernel counts a hundred ticks a second.</summary>
    private const double Ticks = 100;

    /// <summary>A process reports to the statistics once a second at most.</summary>
    private static readonly TimeSpan Reporting = TimeSpan.FromSeconds(1.2);

    public static async Task<PostgresFigures> ReadAsync(Workspace workspace)
    {
        await Task.Delay(Reporting);
        await using var connection = new NpgsqlConnection(workspace.Database);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            SELECT xact_commit, tup_inserted + tup_updated, pg_backend_pid() FROM pg_stat_database WHERE datname = current_database()
            """,
            connection);
        await using var row = await command.ExecuteReaderAsync();
        await row.ReadAsync();
        return new PostgresFigures(row.GetInt64(0), row.GetInt64(1), CpuOf(row.GetInt32(2)));
    }

    /// <summary>The processor time of the server that a session's process belongs to, with all its others, the ended ones too.</summary>
    private static double CpuOf(int session)
    {
        if (StatOf(session) is not { } own)
        {
            return 0;
        }

        var server = own.Parent;
        var ticks = StatOf(server) is { } parent ? parent.Ticks + parent.OfEnded : 0;
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var process)
                && StatOf(process) is { } stat && stat.Parent == server)
            {
                ticks += stat.Ticks;
            }
        }

        return ticks / Ticks;
    }

    private static (int Parent, long Ticks, long OfEnded)? StatOf(int process)
    {
        try
        {
            // What stands in brackets is the name, which may hold anything.
            var stat = File.ReadAllText($"/proc/{process}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return (int.Parse(fields[1], CultureInfo.InvariantCulture), Number(11) + Number(12), Number(13) + Number(14));

            long Number(int field) => long.Parse(fields[field], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            // It has ended, or is on another machine.
            return null;
        }
    }
}
