using Orleans.Storage;
using Orleans.WriteBehind.Tests.Support;
using WriteBehind;
using WriteBehind.Testing;

namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>Grains with <c>IPersistentState</c> on the write-behind provider.</summary>
public sealed class StorageGrainTests
{
    private static readonly GrainClusterOptions Options = new()
    {
        Silo = silo => silo.AddWriteBehindGrainStorage("carts", storage => storage.Map("looks", "views").Configure = entity => entity.FlushDelay = TimeSpan.FromMilliseconds(100)),
    };

    [Fact]
    public async Task A_state_without_a_mapping_is_in_redis_at_once_and_in_the_generic_table_soon()
    {
        await using var cluster = await GrainCluster.StartAsync(Options);

        await cluster.Grain<ICartGrain>("7").AddAsync("Ada", 3);

        await Eventually.TrueAsync(async () => await cluster.Database.ScalarAsync(
            "SELECT state->>'Owner' FROM write_behind_documents WHERE type = 'grain-carts' AND id = 'cart|cart|7' AND version = 1") is "Ada");
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
    public async Task A_twin_that_is_behind_is_told_and_its_next_activation_goes_on_from_the_others_state()
    {
        await using var cluster = await GrainCluster.StartAsync(Options);
        await using var twin = await GrainCluster.StartAsync(cluster.Options);
        var (a, b) = (cluster.Grain<ICartGrain>("7"), twin.Grain<ICartGrain>("7"));
        await a.AddAsync("Ada", 1);
        Assert.Equal(3, await b.AddAsync("Bo", 2));

        var error = await Assert.ThrowsAsync<InconsistentStateException>(() => a.AddAsync("Ada", 10));

        Assert.Equal(("2", "1"), (error.StoredEtag, error.CurrentEtag));
        Assert.Equal((1, 2), error.InnerException is WriteConflictException conflict ? (conflict.ExpectedVersion, conflict.CurrentVersion) : default);
        await Eventually.TrueAsync(async () => await a.AddAsync("Ada", 10) == 13);
    }

    [Fact]
    public async Task After_a_failed_write_the_activation_is_given_up_and_nobody_sees_what_was_not_acknowledged()
    {
        await using var cluster = await GrainCluster.StartAsync(Options with
        {
            Silo = silo => silo.AddWriteBehindGrainStorage("carts", storage => storage.Configure = entity =>
            {
                (entity.MaxDirty, entity.Shards) = (1, 1);
                (entity.FlushDelay, entity.MaxAge) = (GrainClusterOptions.Never, GrainClusterOptions.Never);
            }),
        });
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
}
