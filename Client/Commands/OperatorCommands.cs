using System.CommandLine;
using System.Globalization;

namespace Client.Commands;

/// <summary><c>status</c> and <c>journal</c>.</summary>
internal static class OperatorCommands
{
    public static IEnumerable<Command> All() =>
    [
        ClusterCommands.Make(new("status", "Shows silos, backlogs, rates, breakers and warnings."), StatusAsync),
        ClusterCommands.Make(new("journal", "Shows what operators did lately."), JournalAsync),
    ];

    private static async Task<int> StatusAsync(Call call)
    {
        var report = await call.Cluster.Operator.GetStatusAsync();
        return call.Done(report, printer =>
        {
            printer.Line("each silo, since it started:");
            printer.Table(
                ["silo", "address", "acknowledged", "Redis writes", "rows", "conflicts", "breaker"],
                report.Silos.Select(silo => (IReadOnlyList<string>)
                [
                    silo.Name, silo.Address, Number(silo.WritesAcknowledged), Number(silo.BufferWrites), Number(silo.RowsApplied),
                    Number(silo.Conflicts), silo.Breaker,
                ]));
            printer.Line("the cluster's backlog, as Redis has it, and the rates of all silos together:");
            printer.Table(
                ["type", "dirty", "oldest", "max age", "bound", "writes/s", "rows/s", "dead letters", "last error"],
                report.Types.Select(type => (IReadOnlyList<string>)
                [
                    type.Type, Number(type.Dirty), Seconds(type.OldestDirtyAge), Seconds(type.MaxAge), Number(type.MaxDirty),
                    Rate(type.Rates.WritesPerSecond), Rate(type.Rates.RowsPerSecond), Number(type.DeadLetters), type.LastError ?? "",
                ]));
            foreach (var line in report.Warnings.Concat(
                report.Silos.SelectMany(silo => silo.Failing.Select(failing => $"{silo.Name}: {failing}"))))
            {
                printer.Line($"warning: {line}");
            }
        });
    }

    private static async Task<int> JournalAsync(Call call)
    {
        var entries = await call.Cluster.Operator.ReadJournalAsync();
        return call.Done(entries, printer =>
        {
            foreach (var entry in entries)
            {
                printer.Line(string.Create(CultureInfo.InvariantCulture, $"{entry.At:u}  {entry.Action}"));
            }
        });
    }

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Rate(double rate) => rate.ToString("N1", CultureInfo.InvariantCulture);

    private static string Seconds(TimeSpan? time)
        => time is { } some ? string.Create(CultureInfo.InvariantCulture, $"{some.TotalSeconds:0.0} s") : "";
}
