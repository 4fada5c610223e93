using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;
using Orleans.Persistence;
using Orleans.Storage;
using Orleans.WriteBehind.Tests.Support;
using StackExchange.Redis;
using WriteBehind;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>A grain whose state lived in Microsoft.Orleans.Persistence.Redis moves over by a change of one line.</summary>
public sealed class MigrateFromRedisTests : IAsyncLifetime
{
    private string _serviceId = string.Empty;
    private string _postgres = string.Empty;

    public async Task InitializeAsync()
    {
        _serviceId = SharedServers.FreshName("service");
        await using var old = await OldAsync();
        await old.Grain<ICartGrain>("7").AddAsync("Ada", 3);
        _postgres = old.Options.Postgres!;
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task A_state_is_taken_along_with_the_first_read_and_brought_to_postgresql()
    {
        await using var cluster = await NewAsync();

        Assert.Equal(new Cart { Owner = "Ada", Items = 3 }, await cluster.Grain<ICartGrain>("7").GetAsync());

        await Eventually.TrueAsync(
            async () => await cluster.Database.ScalarAsync("SELECT state->>'Owner' FROM write_behind_documents") is "Ada");
        Assert.Equal(5, await cluster.Grain<ICartGrain>("7").AddAsync("Ada", 2));
    }

    [Fact]
    public async Task A_state_that_json_can_not_keep_is_the_same_in_the_first_activation_and_in_the_next()
    {
        var id = GrainId.Create("parcel", SharedServers.FreshName("p"));
        await using (var old = await OldAsync())
        {
            await StorageOf(old).WriteStateAsync("parcel", id, new GrainState<Parcel>(Parcel.New()));
        }

        await using var cluster = await NewAsync();
        var (first, next) = (new GrainState<Parcel>(), new GrainState<Parcel>());
        await StorageOf(cluster).ReadStateAsync("parcel", id, first);
        await StorageOf(cluster).ReadStateAsync("parcel", id, next);

        Parcel.New().AssertSame(first.State);
        Parcel.New().AssertSame(next.State);
        Assert.Equal(("1", "1"), (first.ETag, next.ETag));
    }

    [Fact]
    public async Task A_state_that_can_not_be_kept_here_stays_open_in_its_old_place()
    {
        var id = GrainId.Create("parcel", SharedServers.FreshName("p"));
        await using var old = await OldAsync();
        var state = new GrainState<Parcel>(Parcel.New());
        await StorageOf(old).WriteStateAsync("parcel", id, state);

        await using (var cluster = await NewAsync(storage: static storage => storage.Format = GrainStateFormat.Json))
        {
            await Assert.ThrowsAsync<PayloadException>(() => StorageOf(cluster).ReadStateAsync("parcel", id, new GrainState<Parcel>()));
        }

        await StorageOf(old).WriteStateAsync("parcel", id, state);
        var read = new GrainState<Parcel>();
        await StorageOf(old).ReadStateAsync("parcel", id, read);
        Parcel.New().AssertSame(read.State);
    }

    [Fact]
    public async Task A_state_that_was_cleared_after_the_move_does_not_come_back_even_when_its_fence_is_gone()
    {
        var prefix = SharedServers.FreshName("o");
        await using (var cluster = await NewAsync(prefix))
        {
            await cluster.Grain<ICartGrain>("7").GetAsync();
            await cluster.Grain<ICartGrain>("7").ClearAsync();
        }

        // Another prefix and database: nothing is left that could say that the state ever was here.
        await using var later = await NewAsync();
        Assert.Equal(new Cart(), await later.Grain<ICartGrain>("7").GetAsync());
    }

    [Fact]
    public async Task A_state_that_was_cleared_after_a_move_that_was_cut_off_does_not_come_back_either()
    {
        var prefix = SharedServers.FreshName("o");
        await using (var cluster = await NewAsync(prefix))
        {
            await cluster.Grain<ICartGrain>("7").GetAsync();

            // Saved in its new place, and then the silo died before the old entry was marked as taken.
            using (var connection = await ConnectionMultiplexer.ConnectAsync((await SharedServers.RedisAsync()).Configuration))
            {
                Assert.True(await connection.GetDatabase().HashDeleteAsync($"{_serviceId}/state/cart/7/cart", "taken"));
            }

            await cluster.Grain<ICartGrain>("7").ClearAsync();
        }

        await using var later = await NewAsync();
        Assert.Equal(new Cart(), await later.Grain<ICartGrain>("7").GetAsync());
    }

    [Fact]
    public async Task The_old_provider_can_not_write_an_entry_that_was_taken()
    {
        await using var old = await OldAsync();
        await using var older = await OldAsync();
        var stale = old.Grain<ICartGrain>("7");
        Assert.Equal(3, (await stale.GetAsync()).Items);
        await using var cluster = await NewAsync();
        await cluster.Grain<ICartGrain>("7").AddAsync("Bo", 1);

        await Assert.ThrowsAsync<InconsistentStateException>(() => stale.AddAsync("Ada", 100));
        await Assert.ThrowsAsync<InconsistentStateException>(() => older.Grain<ICartGrain>("7").AddAsync("Ada", 100));
        Assert.Equal(new Cart { Owner = "Bo", Items = 4 }, await cluster.Grain<ICartGrain>("7").GetAsync());
    }

    [Fact]
    public async Task A_move_that_was_cut_off_is_made_up_for()
    {
        // Closed, and then the silo died before the state was saved in its new place.
        var redis = await SharedServers.RedisAsync();
        using (var connection = await ConnectionMultiplexer.ConnectAsync(redis.Configuration))
        {
            await connection.GetDatabase().HashSetAsync(
                $"{_serviceId}/state/cart/7/cart", [new HashEntry("moved", "an etag"), new HashEntry("etag", "moved to write-behind")]);
        }

        await using var cluster = await NewAsync();
        Assert.Equal(3, (await cluster.Grain<ICartGrain>("7").GetAsync()).Items);
    }

    [Fact]
    public async Task A_grain_that_has_nothing_in_the_old_place_starts_afresh()
    {
        await using var cluster = await NewAsync();

        Assert.Equal(new Cart(), await cluster.Grain<ICartGrain>("new").GetAsync());
        Assert.Equal(1, await cluster.Grain<ICartGrain>("new").AddAsync("Bo", 1));
    }

    [Fact]
    public async Task States_are_taken_from_where_and_as_the_old_provider_was_told_to_keep_them_over_one_connection()
    {
        var redis = await SharedServers.RedisAsync();
        await using (var old = await OldAsync(
            options => (options.GetStorageKey, options.GrainStorageSerializer) = (KeyOf, new ReversedSerializer())))
        {
            await old.Grain<ICartGrain>("8").AddAsync("Ada", 3);
            await old.Grain<ICartGrain>("9").AddAsync("Bo", 4);
        }

        var connections = new List<IConnectionMultiplexer>();
        try
        {
            await using var cluster = await NewAsync(configure: source =>
            {
                source.GetStorageKey = KeyOf;
                source.Serializer = new ReversedSerializer();
                source.Connect = async _ =>
                {
                    connections.Add(await ConnectionMultiplexer.ConnectAsync(redis.Configuration));
                    return connections[^1];
                };
            });

            Assert.Equal(new Cart { Owner = "Ada", Items = 3 }, await cluster.Grain<ICartGrain>("8").GetAsync());
            Assert.Equal(new Cart { Owner = "Bo", Items = 4 }, await cluster.Grain<ICartGrain>("9").GetAsync());
            Assert.Single(connections);
        }
        finally
        {
            connections.ForEach(static connection => connection.Dispose());
        }

        RedisKey KeyOf(string state, GrainId grain) => $"{_serviceId}:{grain.Key}:{state}";
    }

    private async Task<GrainCluster> OldAsync(Action<RedisStorageOptions>? configure = null)
    {
        var redis = await SharedServers.RedisAsync();
        return await GrainCluster.StartAsync(new()
        {
            Postgres = _postgres.Length > 0 ? _postgres : null,
            Silo = silo =>
            {
                Name(silo);
                silo.AddRedisGrainStorage("carts", options =>
                {
                    options.ConfigurationOptions = ConfigurationOptions.Parse(redis.Configuration);
                    configure?.Invoke(options);
                });
            },
        });
    }

    private static IGrainStorage StorageOf(GrainCluster cluster)
        => cluster.Cluster.Silos[0].ServiceProvider.GetRequiredKeyedService<IGrainStorage>("carts");

    private Task<GrainCluster> NewAsync(
        string? prefix = null, Action<RedisStateSource>? configure = null, Action<WriteBehindGrainStorageOptions>? storage = null)
        => GrainCluster.StartAsync(new()
        {
            Prefix = prefix,
            Silo = silo =>
            {
                Name(silo);
                silo.AddWriteBehindGrainStorage("carts", options =>
                {
                    options.MigrateFromRedis(configure);
                    storage?.Invoke(options);
                });
            },
        });

    /// <summary>The test host gives each cluster a service id of its own, which is part of the old keys.</summary>
    private void Name(ISiloBuilder silo) => silo.Services.PostConfigure<ClusterOptions>(options => options.ServiceId = _serviceId);
}
