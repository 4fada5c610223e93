using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Clustering.Redis;
using Orleans.Configuration;
using StackExchange.Redis;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Cluster;

/// <summary>Three silos, each a process of its own, and this process as their client: every call goes over TCP.</summary>
internal sealed class ClusterOfProcesses : IAsyncDisposable
{
    private const int Silos = 3;

    private readonly Process[] _silos;
    private IHost? _client;

    private ClusterOfProcesses(Process[] silos) => _silos = silos;

    public IGrainFactory Grains => _client!.Services.GetRequiredService<IGrainFactory>();

    /// <summary>The processor time of all silos, in seconds.</summary>
    public double CpuSeconds => _silos.Sum(silo =>
    {
        silo.Refresh();
        return silo.TotalProcessorTime.TotalSeconds;
    });

    public static async Task<ClusterOfProcesses> StartAsync(Workspace workspace)
    {
        // Servers, with their passwords, are in the environment.
        var start = new ProcessStartInfo("dotnet", [Assembly.GetEntryAssembly()!.Location, SiloChild.Command, workspace.Prefix])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };

        // As Silo/Silo.csproj has it, and run.sh, whose processes share the machine, too. (With the JIT's profile a silo compiles for
        // minutes.)
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        start.Environment["DOTNET_ThreadPool_UnfairSemaphoreSpinLimit"] = "0";
        var cluster = new ClusterOfProcesses([.. Enumerable.Range(0, Silos).Select(_ => Process.Start(start)!)]);
        try
        {
            foreach (var line in await Task.WhenAll(cluster._silos.Select(silo => silo.StandardOutput.ReadLineAsync())))
            {
                if (line != SiloChild.Ready)
                {
                    throw new InvalidOperationException($"A silo did not start: {line}");
                }
            }

            cluster._client = Client(workspace);
            await cluster._client.StartAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>How many methods each silo has compiled up to now.</summary>
    public async Task<long[]> CompiledAsync() => await Task.WhenAll(_silos.Select(static async silo =>
    {
        await silo.StandardInput.WriteLineAsync();
        await silo.StandardInput.FlushAsync();
        return long.Parse((await silo.StandardOutput.ReadLineAsync())!, CultureInfo.InvariantCulture);
    }));

    public async ValueTask DisposeAsync()
    {
        if (_client is not null)
        {
            await _client.StopAsync();
            _client.Dispose();
        }

        // Nothing is to be saved any more, so none waits for another.
        foreach (var silo in _silos)
        {
            silo.Kill();
            await silo.WaitForExitAsync();
            silo.Dispose();
        }
    }

    private static IHost Client(Workspace workspace)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IHostLifetime, NoHostLifetime>();
        builder.UseOrleansClient(client => client
            .Configure<ClusterOptions>(options => (options.ServiceId, options.ClusterId) = (workspace.Prefix, workspace.Prefix))
            .UseRedisClustering((RedisClusteringOptions options)
                => options.ConfigurationOptions = ConfigurationOptions.Parse(workspace.Redis)));
        return builder.Build();
    }
}
