using System.Globalization;
using Spectre.Console;

namespace Proof.Reporting;

/// <summary>Shows a load while it runs: a live table on a terminal, plain lines elsewhere.</summary>
public sealed class ProgressView(IAnsiConsole console)
{
    private const int BarWidth = 40;

    private static readonly TimeSpan LiveInterval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(2);

    private bool IsLive => console.Profile.Out.IsTerminal && console.Profile.Capabilities.Ansi;

    public void Say(string line) => console.Profile.Out.Writer.WriteLine(line);

    /// <summary>Says what the live table shows by itself, where there is none.</summary>
    public void SayPlain(string line)
    {
        if (!IsLive)
        {
            Say(line);
        }
    }

    /// <summary>Shows it until the load is over; the load's own failure is left to who awaits that.</summary>
    public async Task FollowAsync(LoadProgress progress, Task load)
    {
        if (IsLive)
        {
            await console.Live(Render(progress)).StartAsync(async display =>
            {
                while (!load.IsCompleted)
                {
                    await Task.WhenAny(load, Task.Delay(LiveInterval));
                    display.UpdateTarget(Render(progress));
                }
            });
            return;
        }

        while (!load.IsCompleted)
        {
            await Task.WhenAny(load, Task.Delay(PlainInterval));
            Say(Line(progress));
        }
    }

    private static string Line(LoadProgress progress)
    {
        var statistics = progress.Statistics;
        var backlog = progress.Status is { } status ? Text($"{status.Dirty:N0} dirty") : "service down";
        return Text($"{statistics.Done,9:N0} of {progress.Total:N0}  {statistics.PerSecond,8:N0}/s  ") +
            Text($"p50 {P(progress, 0.5):0.0} ms  p99 {P(progress, 0.99):0.0} ms  {backlog}");
    }

    private static Panel Render(LoadProgress progress)
    {
        var statistics = progress.Statistics;
        var filled = Math.Clamp((int)(progress.Share * BarWidth), 0, BarWidth);
        var grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(3)).AddColumn();
        grid.AddRow(new Text("writes"), new Markup(
            $"[blue]{new string('━', filled)}[/][grey]{new string('─', BarWidth - filled)}[/] " +
            Text($"{statistics.Done:N0} of {progress.Total:N0}")));
        grid.AddRow("rate", Text($"{statistics.PerSecond:N0} acknowledged per second"));
        grid.AddRow("acknowledgement", Text($"median {P(progress, 0.5):0.0} ms, 99th percentile {P(progress, 0.99):0.0} ms"));
        grid.AddRow("unknown, refused", Text($"{statistics.Unknown:N0}, {statistics.Refused:N0}"));
        grid.AddRow(new Text("service"), progress.Status is { } status
            ? new Text(Text(
                $"{status.Dirty:N0} dirty, {status.RowsApplied:N0} rows written since its start, {status.DeadLetters:N0} dead letters"))
            : new Text("down", new Style(Color.Red)));
        if (progress.Note.Length > 0)
        {
            grid.AddRow(new Text(""), new Text(progress.Note, new Style(Color.Yellow)));
        }

        return new Panel(grid).Header($" {progress.Title.EscapeMarkup()} ").RoundedBorder();
    }

    private static double P(LoadProgress progress, double share) => progress.Statistics.Latency.PercentileMilliseconds(share);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
