using System.Globalization;
using System.Net;
using Chaos.Histories;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace Chaos.Silos;

/// <summary>
/// A process that calls the grains through the Orleans client. It says "ready" once it is connected, ends its calls when it is told "stop",
/// and says "stopped" then.
/// </summary>
internal static class ClientProgram
{
    private const int Callers = 6;

    /// <summary>What a silo's own configuration says; see Silo/appsettings.json.</summary>
    private const string Cluster = "writebehind";

    private static readonly TimeSpan ResponseTimeout = TimeSpan.FromSeconds(5);

    /// <summary>How the process is started.</summary>
    public static string[] Arguments(string name, string folder, IEnumerable<int> gateways, int seed, long epoch)
        => ["client", name, folder, string.Join(',', gateways), Text(seed), Text(epoch)];

    public static async Task<int> RunAsync(string[] arguments)
    {
        var (name, seed, epoch) = (
            arguments[1], int.Parse(arguments[4], CultureInfo.InvariantCulture), long.Parse(arguments[5], CultureInfo.InvariantCulture));
        IPEndPoint[] gateways =
        [
            .. arguments[3].Split(',')
                .Select(static port => new IPEndPoint(IPAddress.Loopback, int.Parse(port, CultureInfo.InvariantCulture))),
        ];
        using var history = new HistoryWriter(Path.Combine(arguments[2], $"{name}.jsonl"), name);
        using var host = Build(gateways);
        await host.StartAsync();
        using var load = new SiloLoad(
            new GrainCaller(host.Services.GetRequiredService<IClusterClient>()), history, Callers, seed, epoch);
        Console.WriteLine("ready");
        load.Start();
        while (await Console.In.ReadLineAsync() is not (null or "stop"))
        {
        }

        await load.StopAsync();
        Console.WriteLine("stopped");

        // Its goodbye to silos that are gone has nothing to tell.
        using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        try
        {
            await host.StopAsync(soon.Token);
        }
        catch (OperationCanceledException)
        {
            // It ends anyway.
        }

        return 0;
    }

    private static IHost Build(IPEndPoint[] gateways)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.AddSimpleConsole(static console => (console.SingleLine, console.TimestampFormat) = (true, "HH:mm:ss.fff "));
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        builder.UseOrleansClient(client =>
        {
            client.Configure<ClusterOptions>(static options => (options.ClusterId, options.ServiceId) = (Cluster, Cluster));
            client.Configure<ClientMessagingOptions>(static options => options.ResponseTimeout = ResponseTimeout);
            client.Configure<GatewayOptions>(static options => options.GatewayListRefreshPeriod = TimeSpan.FromSeconds(2));
            client.UseStaticClustering(gateways);
            client.UseConnectionRetryFilter(static async (_, cancellationToken) =>
            {
                await Task.Delay(TimeSpan.FromMilliseconds(250), cancellationToken);
                return true;
            });
        });
        return builder.Build();
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
