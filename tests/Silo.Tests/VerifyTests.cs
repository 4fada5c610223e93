using System.Net.Http.Json;
using Client.Cluster;
using Client.Verification;
using Silo.Testing;
using Silo.Tests.Support;
using StackExchange.Redis;
using WriteBehind.TestTools;

namespace Silo.Tests;

public sealed class VerifyTests(OneSilo silo) : IClassFixture<OneSilo>
{
    private static readonly StoredState One = new(1, "quantity 1");
    private static readonly StoredState Two = new(2, "quantity 2");
    private static readonly StoredState Nine = new(9, "quantity 9");

    [Fact]
    public async Task A_row_that_somebody_changed_behind_the_grain_is_found()
    {
        await ClientProcess.AskAsync(silo.Servers, "stock", "restock", "right", "3");
        await ClientProcess.AskAsync(silo.Servers, "stock", "restock", "wrong", "3");
        await ClientProcess.AskAsync(silo.Servers, "score", "add", "3", "a|b", "3");
        await ClientProcess.AskAsync(silo.Servers, "drain");
        var (code, output) = await ClientProcess.RunAsync(silo.Servers, "verify");
        Assert.True(code == 0, output);

        await silo.Servers.ExecuteAsync("UPDATE shop.stock SET quantity = 30 WHERE id = 'wrong'");
        (code, output) = await ClientProcess.RunAsync(silo.Servers, "verify");
        Assert.Equal(1, code);
        Assert.Contains("stock wrong", output, StringComparison.Ordinal);
        Assert.DoesNotContain("stock right", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_and_load_read_the_keys_of_the_prefix_that_the_environment_names()
    {
        await ClientProcess.AskAsync(silo.Servers, "stock", "restock", "prefixed", "3");
        await ClientProcess.AskAsync(silo.Servers, "drain");
        await silo.Servers.ExecuteAsync("DELETE FROM shop.stock WHERE id = 'prefixed'");
        Assert.Contains(
            "stock prefixed: Redis has", (await ClientProcess.RunAsync(silo.Servers, "verify", "stock")).Output, StringComparison.Ordinal);

        await using var client = ChildProcess.Start(
            "dotnet",
            [Programs.Client, "verify", "stock"],
            new Dictionary<string, string?>(silo.Servers.Environment) { ["WriteBehind__KeyPrefix"] = "elsewhere" });
        await client.WaitForExitAsync(ClientProcess.Patience);
        Assert.DoesNotContain("stock prefixed: Redis has", string.Join('\n', client.Output), StringComparison.Ordinal);
        await silo.Servers.ExecuteAsync("INSERT INTO shop.stock (id, quantity, movements, version) VALUES ('prefixed', 3, 1, 1)");
    }

    [Fact]
    public async Task Entities_that_never_stand_still_are_no_differences()
    {
        using var stop = new CancellationTokenSource();
        var writers = Enumerable.Range(0, 8).Select(_ => WriteAsync(stop.Token)).ToArray();
        var (code, output) = await ClientProcess.RunAsync(silo.Servers, "verify", "views");
        await stop.CancelAsync();
        await Task.WhenAll(writers);
        Assert.True(code == 0, output);
    }

    [Fact]
    public async Task A_grain_that_is_refused_while_silos_come_and_go_is_asked_again()
    {
        await ClientProcess.AskAsync(silo.Servers, "stock", "restock", "moved", "3");
        await ClientProcess.AskAsync(silo.Servers, "drain");
        var refusals = new Queue<Exception>([new OperationCanceledException(), new SiloUnavailableException(), new TimeoutException()]);
        var kind = EntityKinds.Stock with
        {
            FromGrain = (_, _) => refusals.TryDequeue(out var refusal)
                ? Task.FromException<StoredState?>(refusal)
                : Task.FromResult<StoredState?>(EntityKinds.State(1, ("quantity", 3), ("movements", 1))),
        };
        await using var verify = await Verify.OpenAsync(
            null!,
            ConfigurationOptions.Parse(silo.Servers.Environment["WRITEBEHIND_REDIS"]!),
            ClusterSettings.ReadKeyPrefix(),
            silo.Servers.Environment["WRITEBEHIND_POSTGRES"]!,
            CancellationToken.None);
        Assert.Empty(await verify.CompareAsync(kind, ["moved"], CancellationToken.None));
        Assert.Empty(refusals);
    }

    [Fact]
    public void An_entity_is_right_where_all_three_agree_or_postgres_is_to_follow()
    {
        Assert.Null(Still(null, null, null));
        Assert.Null(Still(One, null, One));
        Assert.Null(Still(One, new(One, 1, IsDirty: false), One));
        Assert.Null(Still(Two, new(Two, 2, IsDirty: true), One));
        Assert.Null(Still(Two, new(Two, 2, IsDirty: true), null));
        Assert.Null(Still(null, new(null, 2, IsDirty: true), One));
    }

    [Fact]
    public void An_entity_is_wrong_where_one_of_them_has_something_else()
    {
        Assert.NotNull(Still(Two, null, One));
        Assert.NotNull(Still(null, null, One));
        Assert.NotNull(Still(One, new(Two, 2, IsDirty: true), One));
        Assert.NotNull(Still(One, new(null, 2, IsDirty: true), One));
        Assert.NotNull(Still(Two, new(Two, 2, IsDirty: false), One));
        Assert.NotNull(Still(One, new(One, 1, IsDirty: true), Two));
        Assert.NotNull(Still(One, null, One with { Text = "quantity 9" }));
    }

    [Fact]
    public void Of_an_entity_that_moves_the_grain_may_show_any_version_between_the_two_reads()
    {
        BufferedState one = new(One, 1, IsDirty: true), two = new(Two, 2, IsDirty: true), nine = new(Nine, 9, IsDirty: true);
        Assert.Null(new Observation(null, one, One, two, null).FindDifference());
        Assert.Null(new Observation(null, one, Two, two, null).FindDifference());
        Assert.Null(new Observation(One, one, Two, nine, One).FindDifference());
        Assert.Null(new Observation(One, null, Two, nine, One).FindDifference());
        Assert.Null(new Observation(One, one, null, nine, One).FindDifference());
        Assert.Null(new Observation(One, two, Two, null, Two).FindDifference());
    }

    [Fact]
    public void Of_an_entity_that_moves_a_grain_behind_or_ahead_or_with_another_state_is_found()
    {
        BufferedState one = new(One, 1, IsDirty: true), two = new(Two, 2, IsDirty: true), nine = new(Nine, 9, IsDirty: true);
        Assert.NotNull(new Observation(null, two, One, nine, null).FindDifference());
        Assert.NotNull(new Observation(null, one, Nine, two, null).FindDifference());
        Assert.NotNull(new Observation(null, nine, Nine, two, null).FindDifference());
        Assert.NotNull(new Observation(null, two, Two with { Text = "quantity 9" }, nine, null).FindDifference());
        Assert.NotNull(new Observation(null, one, null, two, null).FindDifference());
        Assert.NotNull(new Observation(Nine, one, One, two, Nine).FindDifference());
        Assert.NotNull(new Observation(null, one, Two, null, null).FindDifference());
    }

    private static string? Still(StoredState? grain, BufferedState? redis, StoredState? row)
        => Observation.Still(grain, redis, row).FindDifference();

    private async Task WriteAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            (await silo.Http.PostAsJsonAsync(
                new Uri("/views/restless", UriKind.Relative), new { count = 1 }, CancellationToken.None)).EnsureSuccessStatusCode();
        }
    }
}
