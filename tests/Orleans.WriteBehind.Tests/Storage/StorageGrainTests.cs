using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Storage;
using Orleans.WriteBehind.Tests.Support;
using WriteBehind;
using WriteBehind.Buffer;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>Grains with <c>IPersistentState</c> on the write-behind provider.</summary>
public sealed class StorageGrainTests
{
    private static readonly GrainClusterOptions Options = new()
    {
        Silo = silo => silo.AddWriteBehindGrainStorage(
            "carts", storage => storage.Map("looks", "views").Configure = entity => entity.FlushDelay = TimeSpan.FromMilliseconds(100)),
    };

    [Fact]
    public async Task A_state_without_a_mapping_is_in_redis_at_once_and_in_the_generic_table_soon()
    {
        await using var cluster = await GrainCluster.StartAsync(Options);

        await cluster.Grain<ICartGrain>("7").AddAsync("Ada", 3);

        const string Owner =
            "SELECT state->>'Owner' FROM write_behind_documents WHERE type = 'grain-carts' AND id = 'cart|cart|7' AND version = 1";
        await Eventually.TrueAsync(async () => await cluster.Database.ScalarAsync(Owner) is "Ada");
    }

    [Fact]
    public async Task A_mapped_state_goes_to_its_table_under_the_grains_key()
    {
        await using var cluster = await GrainCluster.StartAsync(Options);
        var grain = cluster.Grains.GetGrain<IShelfGrain>(-12);

        await grain.LookAsync();
        await grain.LookAsync();

        await Eventually.TrueAsync(async () => await cluster.Database.ScalarAsync("""SELECT "Count" FROM views WHERE "Id" = -12""") is 2L);
    }

    [Fact]
    public async Task Stateless_workers_work_beside_it()
    {
        await using var cluster = await GrainCluster.StartAsync(Options);

        Assert.Equal(49, await cluster.Grains.GetGrain<IWorkerGrain>(0).SquareAsync(7));
    }

    [Fact]
    public async Task A_twin_that_is_behind_is_told_and_its_next_activation_goes_on_from_the_others_state()
    {
        await using var cluster = await GrainCluster.StartAsync(Options);
        await using var twin = await GrainCluster.StartAsync(cluster.Options);
        var (a, b) = (cluster.Grain<ICartGrain>("7"), twin.Grain<ICartGrain>("7"));
        await a.AddAsync("Ada", 1);
        Assert.Equal(3, await b.AddAsync("Bo", 2));

        var error = await Assert.ThrowsAsync<InconsistentStateException>(() => a.AddAsync("Ada", 10));

        Assert.Equal(("2", "1"), (error.StoredEtag, error.CurrentEtag));
        Assert.Equal(
            (1, 2),
            error.InnerException is WriteConflictException conflict ? (conflict.ExpectedVersion, conflict.CurrentVersion) : default);
        await Eventually.TrueAsync(async () => await a.AddAsync("Ada", 10) == 13);
    }

    [Fact]
    public async Task A_conflict_fails_its_own_call_and_none_of_those_that_wait_behind_it()
    {
        const int Waiting = 200;
        await using var cluster = await GrainCluster.StartAsync(Options);
        await using var twin = await GrainCluster.StartAsync(cluster.Options);
        var grain = cluster.Grain<ICartGrain>("7");
        await grain.AddAsync("Ada", 1);
        await twin.Grain<ICartGrain>("7").AddAsync("Bo", 10);
        using var held = cluster.Gate.HoldAt(ProtocolStep.BeforeWrite);

        var behind = grain.AddAsync("Ada", 100);
        await held.ReachedAsync();
        Task<int>[] waiting = [.. Enumerable.Range(0, Waiting).Select(_ => grain.AddAsync("Ada", 1))];
        held.Release();

        await Assert.ThrowsAsync<InconsistentStateException>(() => behind);
        Assert.Equal(11 + Waiting, (await Task.WhenAll(waiting)).Max());
    }

    [Fact]
    public async Task After_a_failed_write_the_activation_is_given_up_and_nobody_sees_what_was_not_acknowledged()
    {
        await using var cluster = await GrainCluster.StartAsync(Full());
        await cluster.Grain<ICartGrain>("other").AddAsync("Ada", 1);
        var grain = cluster.Grain<ICartGrain>("full");
        var before = await grain.ActivationAsync();

        var error = await Assert.ThrowsAsync<OrleansException>(() => grain.AddAsync("Bo", 1));

        Assert.Equal("grain-carts", Assert.IsType<BufferFullException>(error.InnerException).EntityType);
        await Eventually.TrueAsync(async () => await grain.ActivationAsync() != before);
        Assert.Equal(new Cart(), await grain.GetAsync());
    }

    [Fact]
    public async Task A_cleared_state_loses_its_row_and_can_be_written_anew()
    {
        await using var cluster = await GrainCluster.StartAsync(Options);
        var grain = cluster.Grain<ICartGrain>("7");
        await grain.AddAsync("Ada", 3);
        await Eventually.TrueAsync(async () => await cluster.Database.ScalarAsync("SELECT count(*) FROM write_behind_documents") is 1L);

        await grain.ClearAsync();
        await Eventually.TrueAsync(async () => await cluster.Database.ScalarAsync("SELECT count(*) FROM write_behind_documents") is 0L);

        Assert.Equal(4, await grain.AddAsync("Ada", 4));
    }

    [Fact]
    public async Task A_flush_that_fails_unexpectedly_is_logged_and_tried_again()
    {
        using var log = new LogLines();
        await using var cluster = await GrainCluster.StartAsync(Options with
        {
            Silo = silo =>
            {
                silo.Services.AddSingleton<ILoggerProvider>(log);
                silo.AddWriteBehindGrainStorage("carts", storage => storage.Configure = entity =>
                    (entity.FlushDelay, entity.MaxAge) = (TimeSpan.FromMilliseconds(100), GrainClusterOptions.Never));
            },
        });
        cluster.Gate.FailAt(ProtocolStep.BeforeClaim, new InvalidOperationException("The test says so."));

        await cluster.Grain<ICartGrain>("7").AddAsync("Ada", 3);

        await Eventually.TrueAsync(async () => await cluster.Database.ScalarAsync("SELECT count(*) FROM write_behind_documents") is 1L);
        Assert.True(log.Has(LogLevel.Error, "failed unexpectedly"));
    }

    [Fact]
    public async Task Where_the_provider_does_not_give_up_after_a_failure_the_activation_goes_on()
    {
        await using var cluster = await GrainCluster.StartAsync(Full(storage => storage.DeactivateAfterFailure = false));
        await cluster.Grain<ICartGrain>("other").AddAsync("Ada", 1);
        var grain = cluster.Grain<ICartGrain>("full");
        var before = await grain.ActivationAsync();

        await Assert.ThrowsAsync<OrleansException>(() => grain.AddAsync("Bo", 1));

        Assert.Equal(1, (await grain.GetAsync()).Items);
        Assert.Equal(before, await grain.ActivationAsync());
    }

    [Fact]
    public async Task A_grain_with_a_state_of_its_base_class_is_stored_by_the_provider_it_names_or_by_the_default_one()
    {
        await using var cluster = await GrainCluster.StartAsync(Options with
        {
            Silo = silo => silo.AddWriteBehindGrainStorage("carts").AddWriteBehindGrainStorageAsDefault(),
        });

        Assert.Equal(3, await cluster.Grain<INamedBasketGrain>("7").AddAsync(3));
        Assert.Equal(4, await cluster.Grain<IDefaultBasketGrain>("7").AddAsync(4));

        const string Items = "SELECT string_agg(type || ' ' || (state->>'Items'), ', ' ORDER BY type) FROM write_behind_documents";
        await Eventually.TrueAsync(async () => await cluster.Database.ScalarAsync(Items) is "grain-carts 3, grain-default 4");
    }

    [Fact]
    public async Task A_grain_that_catches_a_conflict_is_given_up_all_the_same()
    {
        await using var cluster = await GrainCluster.StartAsync(Options);
        await using var twin = await GrainCluster.StartAsync(cluster.Options);
        var (a, b) = (cluster.Grain<ICartGrain>("7"), twin.Grain<ICartGrain>("7"));
        await a.AddAsync("Ada", 1);
        await b.AddAsync("Bo", 2);
        var before = await a.ActivationAsync();

        await a.AddAndCatchAsync("Ada", 10);

        await Eventually.TrueAsync(async () => await a.ActivationAsync() != before);
        Assert.Equal(new Cart { Owner = "Bo", Items = 3 }, await a.GetAsync());
    }

    [Fact]
    public async Task After_a_failed_clear_the_activation_is_given_up_also_where_states_are_taken_over()
    {
        await using var cluster = await GrainCluster.StartAsync(Full(storage => storage.MigrateFromRedis()));
        var grain = cluster.Grain<ICartGrain>("full");
        await grain.AddAsync("Ada", 1);
        Assert.True((await cluster.Engine.FlushAllAsync(TimeSpan.FromSeconds(20))).IsClean);
        await cluster.Grain<ICartGrain>("other").AddAsync("Bo", 1);
        var before = await grain.ActivationAsync();

        var error = await Assert.ThrowsAsync<OrleansException>(grain.ClearAsync);

        Assert.IsType<BufferFullException>(error.InnerException);
        await Eventually.TrueAsync(async () => await grain.ActivationAsync() != before);
    }

    [Fact]
    public async Task A_state_that_was_not_acknowledged_does_not_move_to_another_silo_with_its_activation()
    {
        await using var cluster = await GrainCluster.StartAsync(Full() with { Silos = 2 });
        await cluster.Grain<ICartGrain>("other").AddAsync("Ada", 1);
        var grain = cluster.Grain<ICartGrain>("full");
        var before = await grain.ActivationAsync();

        foreach (var silo in cluster.Cluster.Silos)
        {
            // One of the two is another one than the activation's.
            await Assert.ThrowsAsync<OrleansException>(() => grain.AddWhileMovingAsync("Bo", 1, silo.SiloAddress));
            await Eventually.TrueAsync(async () => await grain.ActivationAsync() != before);
            Assert.Equal(new Cart(), await grain.GetAsync());
            before = await grain.ActivationAsync();
        }
    }

    [Fact]
    public async Task A_clear_that_is_the_first_a_provider_hears_of_a_grain_deletes_the_grains_own_entity()
    {
        // 16 is 10 in the text of the key, which is hexadecimal.
        await using var cluster = await GrainCluster.StartAsync(Options with
        {
            Silos = 2,
            Silo = silo => silo.AddWriteBehindGrainStorage("carts", storage => storage.Map("looks", "views").MigrateFromRedis()),
        });
        var (grain, other) = (cluster.Grains.GetGrain<IShelfGrain>(16), cluster.Grains.GetGrain<IShelfGrain>(10));
        await grain.LookAsync();
        await other.LookAsync();
        await MigrateAsync(cluster, grain);

        await grain.ClearAsync();

        Assert.True((await cluster.Engine.FlushAllAsync(TimeSpan.FromSeconds(20))).IsClean);
        Assert.Equal(10L, await cluster.Database.ScalarAsync("""SELECT "Id" FROM views"""));
        Assert.Equal((0, 1), (await grain.GetAsync(), await other.GetAsync()));
    }

    [Fact]
    public async Task A_clear_after_a_move_deletes_a_row_that_was_never_written_behind()
    {
        await using var cluster = await GrainCluster.StartAsync(Options with { Silos = 2 });
        await cluster.Database.ScalarAsync("""INSERT INTO views ("Id", "Count", "Version") VALUES (3, 7, 0)""");
        var grain = cluster.Grains.GetGrain<IShelfGrain>(3);
        Assert.Equal(7, await grain.GetAsync());
        await MigrateAsync(cluster, grain);

        await grain.ClearAsync();

        Assert.True((await cluster.Engine.FlushAllAsync(TimeSpan.FromSeconds(20))).IsClean);
        Assert.Equal(0L, await cluster.Database.ScalarAsync("SELECT count(*) FROM views"));
        Assert.Equal(0, await grain.GetAsync());
    }

    /// <summary>A buffer in which one entity has room, and stays.</summary>
    private static GrainClusterOptions Full(Action<WriteBehindGrainStorageOptions>? configure = null) => Options with
    {
        Silo = silo => silo.AddWriteBehindGrainStorage("carts", storage =>
        {
            configure?.Invoke(storage);
            storage.Configure = entity =>
            {
                (entity.MaxDirty, entity.Shards) = (1, 1);
                (entity.FlushDelay, entity.MaxAge) = (GrainClusterOptions.Never, GrainClusterOptions.Never);
            };
        }),
    };

    private static async Task MigrateAsync(GrainCluster cluster, IShelfGrain grain)
    {
        var from = await grain.SiloAsync();
        var to = cluster.Cluster.Silos.First(silo => !from.Contains(silo.SiloAddress.ToString(), StringComparison.Ordinal));
        await grain.MigrateAsync(to.SiloAddress);
        await Eventually.TrueAsync(async () => (await grain.SiloAsync()).Contains(to.SiloAddress.ToString(), StringComparison.Ordinal));
    }
}
