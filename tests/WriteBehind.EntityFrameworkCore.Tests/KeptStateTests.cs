using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using WriteBehind.EntityFrameworkCore.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.EntityFrameworkCore.Tests;

public sealed class KeptStateTests
{
    [Fact]
    public async Task A_read_gives_what_was_acknowledged_while_it_is_kept_and_what_the_columns_made_of_it_after()
    {
        await using var services = await StartAsync();
        var engine = services.GetRequiredService<IWriteBehindEngine>();
        var (coarse, ordered) = (engine.Store<Coarse>("coarse"), engine.Store<Ordered>("ordered"));
        var state = new Coarse(1, 1.005m, new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddTicks(7), "ab");
        await coarse.SetAsync("1", state);
        await ordered.SetAsync("1", new Ordered(new() { ["bb"] = 1, ["a"] = 2 }));
        Assert.True((await engine.FlushAllAsync(TimeSpan.FromSeconds(60))).IsClean);

        Assert.Equal(state, (await coarse.GetAsync("1"))!.State);
        Assert.Equal(["bb", "a"], (await ordered.GetAsync("1"))!.State.Counts.Keys);

        Assert.True(await coarse.EvictAsync("1"));
        Assert.True(await ordered.EvictAsync("1"));
        Assert.Equal(new Coarse(1, 1.01m, state.At.AddTicks(-7), "ab   "), (await coarse.GetAsync("1"))!.State);
        Assert.Equal(["a", "bb"], (await ordered.GetAsync("1"))!.State.Counts.Keys);
        foreach (var service in services.GetServices<IHostedService>())
        {
            await service.StopAsync(CancellationToken.None);
        }
    }

    private static async Task<ServiceProvider> StartAsync()
        => await AdHocEngine.StartAsync(
            static model =>
            {
                model.Entity<Coarse>(entity =>
                {
                    entity.HasWriteBehindVersion();
                    entity.Property(x => x.Price).HasPrecision(12, 2);
                    entity.Property(x => x.Code).HasColumnType("character(5)");
                });
                model.AddWriteBehindDocuments();
            },
            await SharedServers.CreateDatabaseAsync(),
            SharedServers.FreshName("kept"),
            create: true,
            static types => types
                .AddEntity<Coarse>("coarse", static type => type.AfterFlush = AfterFlush.Keep)
                .AddEntity<Ordered>("ordered", static type => type.AfterFlush = AfterFlush.Keep));

    private sealed record Coarse(int Id, decimal Price, DateTime At, string Code);

    private sealed record Ordered(Dictionary<string, int> Counts);
}
