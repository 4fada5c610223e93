using Microsoft.Extensions.DependencyInjection;
using Orleans.Core.Internal;
using Orleans.WriteBehind.Sweep;
using Orleans.WriteBehind.Tests.Grains;
using Orleans.WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests;

public sealed class SweepTests
{
    [Fact]
    public async Task What_no_activation_flushes_is_flushed_within_its_maximum_age()
    {
        await using var cluster = await GrainCluster.StartAsync(new() { MaxAge = TimeSpan.FromSeconds(4) });
        var stock = cluster.Engine.Store<Stock>("stock");

        for (var i = 0; i < 100; i++)
        {
            await stock.SetAsync($"sku{i}", new Stock { Quantity = i });
        }

        await Eventually.TrueAsync(async () => await cluster.Database.CountAsync("sku") == 100);
    }

    // hazelcast 1317, 5757: what was waiting to be written was gone with its owner.
    [Fact]
    public async Task What_a_dead_silo_left_dirty_while_the_database_was_away_arrives_when_it_is_back()
    {
        await using var cluster = await GrainCluster.StartAsync(new() { Silos = 2, MaxAge = TimeSpan.FromSeconds(2) });
        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => cluster.Grain<IStockGrain>($"sku{i}").AddAsync(1)));
        cluster.Sink.IsAway = true;
        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => cluster.Grain<IStockGrain>($"sku{i}").AddAsync(i)));

        await cluster.Cluster.KillSiloAsync(cluster.Cluster.Silos[1]);
        cluster.Sink.IsAway = false;

        await Eventually.TrueAsync(
            async () => await cluster.Database.ScalarAsync("""SELECT sum("Quantity") FROM stock""") is decimal sum
                && sum == (199 * 200 / 2) + 200);
    }

    [Fact]
    public async Task Each_sweep_grain_has_one_reminder_from_the_start()
    {
        await using var cluster = await GrainCluster.StartAsync(new() { Grains = grains => grains.SweepGrains = 3 });
        var table = cluster.Cluster.Silos[0].ServiceProvider.GetRequiredService<IReminderTable>();

        for (var i = 0; i < 3; i++)
        {
            var id = cluster.Grains.GetGrain<ISweepGrain>(i).GetGrainId();
            await Eventually.TrueAsync(async () => (await table.ReadRows(id)).Reminders.Count == 1);
        }

        var all = await table.ReadRows(0, 0);
        Assert.Equal(3, all.Reminders.Count);
    }

    [Fact]
    public async Task A_reminder_alone_brings_a_sweep_grain_back_which_then_rescues_what_is_due()
    {
        await using var cluster = await GrainCluster.StartAsync(new()
        {
            MaxAge = TimeSpan.FromSeconds(1),
            Grains = grains => grains.SweepGrains = 1,
            Silo = silo =>
            {
                silo.Services.Configure<ReminderOptions>(reminders => reminders.MinimumReminderPeriod = TimeSpan.FromSeconds(1));
                silo.Services.Remove(silo.Services.Single(service => service.ImplementationType == typeof(SweepGrainWaker)));
            },
        });
        var sweeper = cluster.Grains.GetGrain<ISweepGrain>(0);
        await sweeper.WakeAsync();
        await sweeper.Cast<IGrainManagementExtension>().DeactivateOnIdle();

        await cluster.Engine.Store<Stock>("stock").SetAsync("sku", new Stock { Quantity = 1 });

        await Eventually.TrueAsync(async () => await cluster.Database.QuantityAsync("sku") == 1);
    }

    [Fact]
    public async Task A_reminder_of_a_sweep_grain_that_is_no_longer_wanted_goes_away()
    {
        await using var cluster = await GrainCluster.StartAsync(new() { Grains = grains => grains.SweepGrains = 1 });
        var surplus = cluster.Grains.GetGrain<ISweepGrain>(7);
        var table = cluster.Cluster.Silos[0].ServiceProvider.GetRequiredService<IReminderTable>();
        await surplus.WakeAsync();
        Assert.Single((await table.ReadRows(surplus.GetGrainId())).Reminders);

        await surplus.ReceiveReminder("sweep", default);

        Assert.Empty((await table.ReadRows(surplus.GetGrainId())).Reminders);
    }
}
