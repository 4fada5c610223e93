using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using WriteBehind.Testing;

namespace Orleans.WriteBehind.Tests.Readme;

public sealed class InMemoryTests
{
    // <readme:testing>
    [Fact]
    public async Task What_is_reserved_is_gone_from_the_stock()
    {
        var servers = new InMemoryWriteBehind();
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) => silo.AddWriteBehindForTests(servers, engine => engine.AddEntity<Stock>("stock")));
        await using var cluster = builder.Build();
        await cluster.DeployAsync();

        await cluster.Client.GetGrain<IStockGrain>("85123A").Restock(100);
        Assert.True(await cluster.Client.GetGrain<IStockGrain>("85123A").Reserve(6));
        await servers.FlushAllAsync();
        Assert.Equal(new Stock(94), servers.Table<Stock>()["85123A"]!.State);
    }
    // </readme:testing>
}
