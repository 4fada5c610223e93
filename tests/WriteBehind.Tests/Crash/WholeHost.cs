using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using WriteBehind.Tests.Children;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Crash;

/// <summary>
/// A service as its own program has it: a host that runs until it is told to stop, with a queue of notices and a cache. What its stop
/// throws is nobody's but the runtime's.
/// </summary>
internal sealed class WholeHost : IChildProgram
{
    public async Task RunAsync(IReadOnlyList<string> arguments)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders().AddSimpleConsole(static console => console.SingleLine = true);
        builder.Services.Configure<HostOptions>(static host => host.ShutdownTimeout = TimeSpan.FromSeconds(6));
        builder.Services.AddDbContextFactory<ItemContext>(db => db.UseNpgsql(arguments[1]));
        builder.Services
            .AddWriteBehind(settings =>
            {
                (settings.KeyPrefix, settings.DrainTimeout) = (arguments[2], TimeSpan.FromSeconds(2));
                settings.WriteTimeout = TimeSpan.FromSeconds(1);
            })
            .UseRedis(arguments[0])
            .UseEntityFramework<ItemContext>()
            .AddEntity<Item>("item", static item =>
            {
                (item.FlushDelay, item.MaxAge) = (TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1));
                item.NotifyFlush = false;
            })
            .AddEntity<Reading>("reading", static reading => reading.NotifyFlush = true)
            .AddCache("pages");
        using var host = builder.Build();
        await host.StartAsync();
        var engine = host.Services.GetRequiredService<IWriteBehindEngine>();
        for (var i = 0; i < 50; i++)
        {
            await engine.Store<Item>().SetAsync($"{i}", new Item(i));
        }

        await engine.Store<Reading>().SetAsync("r", new Reading());
        Console.WriteLine("started");
        await host.WaitForShutdownAsync();
    }
}
