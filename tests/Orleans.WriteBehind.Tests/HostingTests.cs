using System.Reflection;
using System.Reflection.Emit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Concurrency;
using Orleans.Configuration;
using Orleans.Storage;
using Orleans.WriteBehind.Tests.Support;
using WriteBehind;
using WriteBehind.Buffer;
using WriteBehind.Engine;

namespace Orleans.WriteBehind.Tests;

public sealed class HostingTests
{
    [Theory]
    [InlineData(0, 5, "WriteBehindGrainOptions.SweepGrains is '0'")]
    [InlineData(65, 5, "WriteBehindGrainOptions.SweepGrains is '65'")]
    [InlineData(4, 0, "WriteBehindGrainOptions.FlushTimeout is '00:00:00'")]
    [InlineData(4, 30, "WriteBehindGrainOptions.FlushTimeout is '00:00:30'")]
    public async Task A_wrong_setting_is_named_at_start_up(int sweepGrains, int flushSeconds, string message)
    {
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => GrainCluster.StartAsync(new()
        {
            Grains = grains => (grains.SweepGrains, grains.FlushTimeout) = (sweepGrains, TimeSpan.FromSeconds(flushSeconds)),
        }));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_storage_provider_without_an_engine_and_an_engine_without_reminders_are_named_at_start_up()
    {
        var storage = await StartAsync(silo => silo.AddWriteBehindGrainStorage("carts"));
        var reminders = await StartAsync(silo => silo.AddWriteBehind(writeBehind => writeBehind.UseRedis("localhost:1")));

        Assert.Contains("AddWriteBehind(", storage.Message, StringComparison.Ordinal);
        Assert.Contains("UseRedisReminderService", reminders.Message, StringComparison.Ordinal);

        static async Task<OrleansConfigurationException> StartAsync(Action<ISiloBuilder> configure)
        {
            var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
            builder.UseOrleans(silo => configure(silo.UseLocalhostClustering()));
            using var host = builder.Build();
            return await Assert.ThrowsAsync<OrleansConfigurationException>(() => host.StartAsync());
        }
    }

    [Fact]
    public void Grain_storage_and_settings_come_from_configuration_where_it_names_them()
    {
        using var host = Build(
            ("Orleans:GrainStorage:profiles:ProviderType", "WriteBehind"),
            ("Orleans:GrainStorage:profiles:EntityType", "profile"),
            ("WriteBehind:Types:profile:FlushDelay", "00:00:03"),
            ("WriteBehind:Grains:SweepGrains", "7"));

        Assert.IsType<global::Orleans.WriteBehind.Storage.WriteBehindGrainStorage>(
            host.Services.GetRequiredKeyedService<IGrainStorage>("profiles"));
        Assert.Equal(
            TimeSpan.FromSeconds(3), host.Services.GetRequiredService<IWriteBehindEngine>().OptionsOf("profile").FlushDelay);
        Assert.Equal(7, host.Services.GetRequiredService<IOptions<WriteBehindGrainOptions>>().Value.SweepGrains);
    }

    [Fact]
    public void A_setting_of_grain_storage_or_of_grains_that_nobody_knows_is_an_error_with_its_path()
    {
        var storage = Assert.Throws<ConfigurationException>(() => Build(
            ("Orleans:GrainStorage:profiles:ProviderType", "WriteBehind"), ("Orleans:GrainStorage:profiles:EntityTipe", "profile")));
        using var host = Build(("WriteBehind:Grains:SweepGrans", "7"));
        var grains = Assert.Throws<ConfigurationException>(
            () => host.Services.GetRequiredService<IOptions<WriteBehindGrainOptions>>().Value);

        Assert.Equal("Orleans:GrainStorage:profiles:EntityTipe", storage.Setting);
        Assert.Equal("WriteBehind:Grains:SweepGrans", grains.Setting);
    }

    private static IHost Build(params (string Path, string Value)[] values)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(
            values.Select(static pair => KeyValuePair.Create(pair.Path, (string?)pair.Value)));
        builder.Services.AddDbContextFactory<ShopContext>(static db => db.UseNpgsql("Host=localhost"));
        builder.UseOrleans(silo => silo.UseLocalhostClustering().UseInMemoryReminderService()
            .AddWriteBehind(writeBehind => writeBehind
                .BindConfiguration()
                .UseRedis("localhost:1")
                .UseEntityFramework<ShopContext>()));
        return builder.Build();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_stateless_worker_with_write_behind_state_is_refused_at_start_also_where_it_inherits_that(bool inherits)
    {
        // Made here: as a class of this assembly it would be part of every other test's cluster.
        var worker = MakeGrainClass(inherits);
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.UseOrleans(silo => silo.UseLocalhostClustering().UseInMemoryReminderService()
            .Configure<GrainTypeOptions>(types => types.Classes.Add(worker))
            .AddWriteBehind(static writeBehind => writeBehind.UseRedis("localhost:1")));
        using var host = builder.Build();

        var error = await Assert.ThrowsAsync<OrleansConfigurationException>(() => host.StartAsync());

        Assert.Contains(worker.FullName!, error.Message, StringComparison.Ordinal);
        Assert.Contains("[StatelessWorker]", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_engine_starts_and_stops_with_the_silo_and_not_as_a_hosted_service()
    {
        await using var cluster = await GrainCluster.StartAsync();
        var services = cluster.Cluster.Silos[0].ServiceProvider;

        Assert.DoesNotContain(
            services.GetServices<IHostedService>(), service => service.GetType().Assembly == typeof(IWriteBehindEngine).Assembly);
        Assert.Equal(["watch"], (await cluster.Engine.GetStatusAsync()).Loops.Select(loop => loop.Name));
    }

    [Fact]
    public async Task A_stop_that_runs_out_of_the_hosts_time_says_what_remains()
    {
        using var log = new LogLines();
        await using var cluster = await GrainCluster.StartAsync(new()
        {
            FlushDelay = GrainClusterOptions.Never,
            Engine = engine => engine.DrainTimeout = GrainClusterOptions.Never,
            Silo = silo => silo.Services.AddSingleton<ILoggerProvider>(log),
        });
        await cluster.Engine.Store<Stock>("stock").SetAsync("sku", new Stock { Quantity = 1 });
        using var held = cluster.Gate.HoldAt(ProtocolStep.BeforeClaim, id: "sku");
        using var budget = new CancellationTokenSource();

        var stop = cluster.Cluster.Silos[0].ServiceProvider.GetRequiredService<IEngineControl>().StopAsync(budget.Token);
        await held.ReachedAsync();
        await budget.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stop);
        Assert.True(log.Has(LogLevel.Warning, "1 stock remain, safe in Redis"));
    }

    [Fact]
    public async Task Neighbours_share_the_engines_connection_to_redis()
    {
        await using var cluster = await GrainCluster.StartAsync();
        var owner = cluster.Cluster.Silos[0].ServiceProvider.GetRequiredService<IRedisConnection>();

        var connection = await owner.GetAsync();

        Assert.Same(connection, await owner.GetAsync());
        Assert.True((await connection.GetDatabase().PingAsync()) > TimeSpan.Zero);
    }

    private static Type MakeGrainClass(bool inherits)
    {
        var assembly = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName("Workers"), AssemblyBuilderAccess.Run);
        var module = assembly.DefineDynamicModule("Workers");
        var kind = TypeAttributes.Public | (inherits ? TypeAttributes.Abstract : 0);
        var first = module.DefineType("Workers.First", kind, typeof(WriteBehindGrain<Stock>));
        first.SetCustomAttribute(new CustomAttributeBuilder(typeof(StatelessWorkerAttribute).GetConstructor([typeof(int)])!, [4]));
        var made = first.CreateType();
        return inherits ? module.DefineType("Workers.Second", TypeAttributes.Public, made).CreateType() : made;
    }
}
