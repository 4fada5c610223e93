using Chaos.Histories;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using WriteBehind;
using WriteBehind.RateLimits;

namespace Chaos.Workers;

/// <summary>
/// A process of a service that writes through the engine. It says "ready" once it has started, ends its calls when it is told "stop",
/// says "stopped" then, and ends as it is asked to, like any host. "status" has it say what waits.
/// </summary>
internal static class WorkerProgram
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        var settings = WorkerSettings.From(arguments);
        using var history = new HistoryWriter(Path.Combine(settings.Folder, $"{settings.Name}.jsonl"), settings.Name);
        using var host = await StartAsync(settings, history);
        using var load = new Load(host.Services, settings, history);
        Console.WriteLine("ready");
        var lifetime = host.Services.GetRequiredService<IHostApplicationLifetime>();
        var running = load.RunAsync(lifetime.ApplicationStopping);
        _ = Task.Run(() => ListenAsync(load, running, host.Services.GetRequiredService<IWriteBehindEngine>()));
        await host.WaitForShutdownAsync();
        await running;
        return 0;
    }

    /// <summary>Tries until it succeeds, as whoever runs a service does: a start is refused while Redis is away.</summary>
    private static async Task<IHost> StartAsync(WorkerSettings settings, HistoryWriter history)
    {
        while (true)
        {
            var host = Build(settings, history);
            try
            {
                await host.StartAsync();
                return host;
            }
            catch (WriteBehindException e)
            {
                Console.WriteLine($"not started: {e.Message}");
                await ((IAsyncDisposable)host).DisposeAsync();
            }
        }
    }

    private static async Task ListenAsync(Load load, Task running, IWriteBehindEngine engine)
    {
        while (await Console.In.ReadLineAsync() is { } command)
        {
            switch (command)
            {
                case "stop":
                    load.Stop();
                    await running;
                    Console.WriteLine("stopped");
                    break;
                default:
                    Console.WriteLine(await StatusAsync(engine));
                    break;
            }
        }
    }

    private static async Task<string> StatusAsync(IWriteBehindEngine engine)
    {
        try
        {
            var status = await engine.GetStatusAsync();
            var letters = await Task.WhenAll(status.Types.Select(type => engine.DeadLetters.ListAsync(type.Type, limit: 100_000)));
            var ids = letters.SelectMany(static some => some).Select(static letter => $"{letter.Type}/{letter.Id}");
            return $"status {status.Types.Sum(static type => type.Dirty)} {string.Join(',', ids)}";
        }
        catch (WriteBehindException e)
        {
            return $"status unknown {e.Message.ReplaceLineEndings(" ")}";
        }
    }

    private static IHost Build(WorkerSettings settings, HistoryWriter history)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.AddSimpleConsole(static console => (console.SingleLine, console.TimestampFormat) = (true, "HH:mm:ss.fff "));
        builder.Logging.SetMinimumLevel(LogLevel.Error).AddProvider(new LossLog(history));
        builder.Services.AddDbContextFactory<ChaosContext>(db => db.UseNpgsql(settings.Postgres));
        builder.Services
            .AddWriteBehind(options =>
            {
                (options.KeyPrefix, options.DrainTimeout, options.WriteTimeout) =
                    ("chaos", Terms.DrainTimeout, TimeSpan.FromSeconds(2));
                (options.BackoffStart, options.BackoffCap) = (TimeSpan.FromMilliseconds(50), TimeSpan.FromMilliseconds(400));
                options.ReplicaAcknowledgements = settings.Replicas;
                (options.LoadTimeout, options.WatchInterval) = (Terms.LoadTimeout, TimeSpan.FromSeconds(1));
            })
            .UseRedis(settings.Redis)
            .UseEntityFramework<ChaosContext>()
            .AddEntity<Chain>("chain", Set)
            .AddEntity<Register>("register", static register =>
            {
                Set(register);
                (register.AfterFlush, register.CacheTtl) = (AfterFlush.Keep, TimeSpan.FromSeconds(1));
            })
            .AddEntity<Sum>("sum", static sum =>
            {
                Set(sum);
                sum.NotifyFlush = true;
            })
            .AddCache("facts", static cache =>
            {
                (cache.Ttl, cache.Jitter, cache.EarlyRefresh, cache.LocalTtl) = (Terms.CacheTtl, 0, 0, Terms.CacheTtl / 2);
                (cache.NegativeTtl, cache.LoadTimeout) = (TimeSpan.Zero, Terms.LoadTimeout);
                (cache.SyncInterval, cache.LockLease, cache.LockWait) =
                    (Terms.SyncInterval, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
            })
            .AddRateLimit("calls", static limit => (limit.Permits, limit.Window, limit.WhenAway) =
                (Terms.Permits, Terms.Window, WhenRedisIsAway.Reject));
        return builder.Build();
    }

    private static void Set(EntityTypeOptions type)
    {
        (type.FlushDelay, type.MaxAge) = (TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(2));
        (type.Lease, type.StatementTimeout) = (Terms.Lease, TimeSpan.FromSeconds(1));
        (type.FenceTime, type.TombstoneFenceTime) = (Terms.FenceTime, TimeSpan.FromMinutes(2));
        (type.Shards, type.WriteThroughTimeout) = (4, TimeSpan.FromSeconds(2));
    }
}
