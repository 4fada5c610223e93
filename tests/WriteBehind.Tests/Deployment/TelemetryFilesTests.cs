using System.Diagnostics.Metrics;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using WriteBehind.Caching;
using WriteBehind.Tests.House;
using YamlDotNet.RepresentationModel;

namespace WriteBehind.Tests.Deployment;

/// <summary>The dashboard and the alert rules of <c>deploy</c> speak of what the engine publishes.</summary>
public sealed partial class TelemetryFilesTests(PublishedInstruments published) : IClassFixture<PublishedInstruments>
{
    private const string Alerts = "deploy/prometheus/writebehind-alerts.yml";
    private const string Dashboard = "deploy/grafana/writebehind.json";

    private static readonly string[] Constants =
        [.. new[] { typeof(WriteBehindDiagnostics), typeof(CacheDiagnostics) }
            .SelectMany(type => type.GetFields(BindingFlags.Public | BindingFlags.Static))
            .Where(field => field.Name is not ("MeterName" or "ActivitySourceName"))
            .Select(field => (field.Name.EndsWith("Tag", StringComparison.Ordinal) ? "tag " : "") + (string)field.GetRawConstantValue()!)];

    private static readonly string[] Labels =
        [.. Constants.Where(name => name.StartsWith("tag ", StringComparison.Ordinal)).Select(name => name[4..].Replace('.', '_'))];

    private static readonly string[] Outcomes =
        [.. Outcome().Matches(SourceTree.Read("src/WriteBehind/WriteBehindDiagnostics.cs")).Select(match => match.Groups[1].Value)];

    [Fact]
    public void Every_name_in_the_diagnostics_is_an_instrument_and_every_instrument_is_named_there()
        => Assert.Equal(
            Constants.Where(name => !name.StartsWith("tag ", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
            published.All.Select(instrument => instrument.Name).Distinct().Order(StringComparer.Ordinal));

    [Fact]
    public void Every_histogram_advises_buckets_that_tell_its_usual_values_apart()
    {
        var seconds = published.All.OfType<Histogram<double>>().ToArray();
        var counts = published.All.OfType<Histogram<long>>().ToArray();

        Assert.Equal(
            published.All.Count(instrument => instrument.GetType().GetGenericTypeDefinition() == typeof(Histogram<>)),
            seconds.Length + counts.Length);
        Assert.All(seconds, histogram =>
        {
            var bounds = histogram.Advice?.HistogramBucketBoundaries;
            Assert.NotNull(bounds);
            Assert.Equal(bounds.Distinct().Order(), bounds);
            Assert.True(bounds.Count(bound => bound <= 0.01) >= 4, $"{histogram.Name} does not tell milliseconds apart.");
            Assert.True(bounds[^1] >= 10, $"{histogram.Name} does not reach its time-outs.");
        });
        Assert.All(counts, histogram =>
        {
            var bounds = histogram.Advice?.HistogramBucketBoundaries;
            Assert.NotNull(bounds);
            Assert.Equal(bounds.Distinct().Order(), bounds);
            Assert.Equal((1, 10_000), (bounds[0], bounds[^1])); // BatchSize is at most 10,000.
        });
    }

    [Fact]
    public void The_alerts_and_the_dashboard_use_series_labels_and_outcomes_that_exist()
    {
        var series = published.All.SelectMany(PublishedInstruments.SeriesOf).ToHashSet(StringComparer.Ordinal);
        var expressions = AlertExpressions().Concat(DashboardExpressions()).ToArray();

        Assert.True(expressions.Length > 30, $"Only {expressions.Length} expressions were found.");
        Assert.Empty(expressions.SelectMany(expression => Faults(expression, series)));
    }

    [Fact]
    public void Every_instrument_has_a_panel_on_the_dashboard()
    {
        using var dashboard = JsonDocument.Parse(SourceTree.Read(Dashboard));
        var shown = Texts(dashboard.RootElement.GetProperty("panels"))
            .SelectMany(expression => Name().Matches(expression).Select(match => match.Value)).ToHashSet(StringComparer.Ordinal);

        Assert.Empty(published.All.Where(instrument => !PublishedInstruments.SeriesOf(instrument).Any(shown.Contains))
            .Select(instrument => instrument.Name));
    }

    [Theory]
    [InlineData("rate(writebehind_acks_total[5m])")]
    [InlineData("rate(writebehind_ack_duration_bucket[5m])")]
    [InlineData("writebehind_dirty_oldest_age")]
    [InlineData("sum by (writebehind_kind) (writebehind_dirty)")]
    [InlineData("rate(writebehind_flush_entities_total{writebehind_outcome=\"gone\"}[5m])")]
    public void A_name_that_does_not_exist_is_seen(string expression)
        => Assert.NotEmpty(Faults(expression, published.All.SelectMany(PublishedInstruments.SeriesOf).ToHashSet(StringComparer.Ordinal)));

    [Fact]
    public void Every_alarm_of_the_runbook_has_an_alert()
    {
        var parts = SourceTree.Read("docs/operations.md").Split("\n## ");
        var page = parts.Single(part => part.StartsWith("What to watch\n", StringComparison.Ordinal));
        var watched = Watched().Matches(page).Select(match => match.Groups[1].Value).ToArray();
        var alerts = string.Join('\n', AlertExpressions());

        Assert.True(watched.Length >= 9, $"Only {watched.Length} rows were found.");
        Assert.All(watched, name =>
        {
            var instrument = published.All.First(instrument => instrument.Name == name);
            Assert.Contains(PublishedInstruments.SeriesOf(instrument), series => alerts.Contains(series, StringComparison.Ordinal));
        });
    }

    [Fact]
    public void Every_alert_has_a_severity_and_a_summary_and_a_name_of_its_own()
    {
        var rules = Rules().ToArray();

        Assert.Equal(rules.Length, rules.Select(rule => rule["alert"].ToString()).Distinct().Count());
        Assert.All(rules, rule =>
        {
            Assert.Contains(rule["labels"]["severity"].ToString(), (string[])["warning", "critical"]);
            Assert.NotEqual("", rule["annotations"]["summary"].ToString());
        });
    }

    [Fact]
    public void Panels_of_the_dashboard_lie_beside_each_other_and_have_names_of_their_own()
    {
        using var dashboard = JsonDocument.Parse(SourceTree.Read(Dashboard));
        var panels = dashboard.RootElement.GetProperty("panels").EnumerateArray().ToArray();
        var cells = from panel in panels
                    let place = panel.GetProperty("gridPos")
                    from x in Enumerable.Range(place.GetProperty("x").GetInt32(), place.GetProperty("w").GetInt32())
                    from y in Enumerable.Range(place.GetProperty("y").GetInt32(), place.GetProperty("h").GetInt32())
                    select (x, y);
        var taken = cells.ToArray();

        Assert.Equal(taken.Length, taken.Distinct().Count());
        Assert.All(taken, cell => Assert.InRange(cell.x, 0, 23));
        Assert.Equal(panels.Length, panels.Select(panel => panel.GetProperty("id").GetInt32()).Distinct().Count());
        Assert.Equal(panels.Length, panels.Select(panel => panel.GetProperty("title").GetString()).Distinct().Count());
    }

    private static IEnumerable<string> Faults(string expression, HashSet<string> series)
        => Name().Matches(expression).Select(match => match.Value).Where(name => !series.Contains(name) && !Labels.Contains(name))
            .Concat(OutcomeFilter().Matches(expression).SelectMany(match => match.Groups[1].Value.Split('|')).Except(Outcomes));

    private static IEnumerable<YamlNode> Rules()
        => ((YamlSequenceNode)Manifest.Read(Alerts).Single()["groups"]).SelectMany(group => (YamlSequenceNode)group["rules"]);

    private static IEnumerable<string> AlertExpressions() => Rules().Select(rule => rule["expr"].ToString());

    private static IEnumerable<string> DashboardExpressions()
    {
        using var dashboard = JsonDocument.Parse(SourceTree.Read(Dashboard));
        return [.. Texts(dashboard.RootElement)];
    }

    // Every "expr" and the "query" of a variable, wherever they stand.
    private static IEnumerable<string> Texts(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(member
            => member is { Name: "expr" or "query", Value.ValueKind: JsonValueKind.String }
                ? [member.Value.GetString()!]
                : Texts(member.Value)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Texts),
        _ => [],
    };

    [GeneratedRegex(@"\bwritebehind_\w+")]
    private static partial Regex Name();

    [GeneratedRegex(@"writebehind_outcome=~?""([^""]+)""")]
    private static partial Regex OutcomeFilter();

    [GeneratedRegex(@"<c>(\w+)</c>")]
    private static partial Regex Outcome();

    // The first name in each row of the table.
    [GeneratedRegex(@"^\| `([\w.]+)`", RegexOptions.Multiline)]
    private static partial Regex Watched();
}
