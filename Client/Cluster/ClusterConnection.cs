using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Clustering.Redis;
using Orleans.Configuration;
using Silo.Contracts.Operations;
using StackExchange.Redis;

namespace Client.Cluster;

/// <summary>The connection to the cluster.</summary>
internal sealed class ClusterConnection : IAsyncDisposable
{
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// How soon a silo that hangs, and that the others have declared dead, is no longer used. Orleans would look once a minute.
    /// </summary>
    private static readonly TimeSpan GatewayRefresh = TimeSpan.FromSeconds(2);

    private readonly IHost _host;

    private ClusterConnection(IHost host, ClusterSettings settings)
    {
        _host = host;
        Settings = settings;
        Grains = host.Services.GetRequiredService<IClusterClient>();
    }

    public ClusterSettings Settings { get; }

    public IGrainFactory Grains { get; }

    public IOperatorGrain Operator => Grains.GetGrain<IOperatorGrain>(0);

    /// <summary>Connects to whichever silo answers first.</summary>
    /// <exception cref="NoSiloException">None did in time.</exception>
    public static async Task<ClusterConnection> OpenAsync(ClusterSettings settings, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(settings.Patience);
        Exception? last = null;
        var host = Build(settings, error => last = error, timeout.Token);
        try
        {
            await host.StartAsync(timeout.Token);
            return new ClusterConnection(host, settings);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested
            && (e is OrleansException or OperationCanceledException or RedisException))
        {
            await DisposeAsync(host);
            throw NoSilo(settings, last ?? e);
        }
        catch
        {
            await DisposeAsync(host);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        // Nothing is to be drained here; a cluster that is gone must not keep the program from ending.
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        try
        {
            await _host.StopAsync(timeout.Token);
        }
        catch (Exception e) when (e is OrleansException or OperationCanceledException or TimeoutException)
        {
            // It ends anyway.
        }

        await DisposeAsync(_host);
    }

    private static IHost Build(ClusterSettings settings, Action<Exception> note, CancellationToken giveUp)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.ClearProviders();
        builder.UseOrleansClient(client =>
        {
            client.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (settings.ClusterId, settings.ServiceId));
            client.Configure<ClientMessagingOptions>(options => options.ResponseTimeout = settings.Patience);
            client.Configure<GatewayOptions>(options => options.GatewayListRefreshPeriod = GatewayRefresh);
            client.UseRedisClustering((RedisClusteringOptions options) => options.ConfigurationOptions = settings.Redis);
            client.UseConnectionRetryFilter(async (error, cancellationToken) =>
            {
                note(error);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, giveUp);
                await Task.Delay(RetryPause, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                return !either.IsCancellationRequested;
            });
        });
        return builder.Build();
    }

    private static NoSiloException NoSilo(ClusterSettings settings, Exception cause)
    {
        var endpoints = string.Join(", ", settings.Redis.EndPoints.Select(endpoint => endpoint.ToString()));
        var reason = cause is RedisException or OrleansException { InnerException: RedisException }
            ? $"the Redis they meet in ({endpoints}) does not answer"
            : $"none was found in the Redis at {endpoints}, or those found there are gone";
        return new(
            string.Create(
                CultureInfo.InvariantCulture,
                $"No silo of cluster '{settings.ClusterId}' (service '{settings.ServiceId}') answered within "
                + $"{settings.Patience.TotalSeconds:0} s: {reason}. ") +
            "WRITEBEHIND_REDIS, WRITEBEHIND_CLUSTER_ID and WRITEBEHIND_SERVICE_ID must be those of the silos.",
            cause);
    }

    private static async ValueTask DisposeAsync(IHost host)
    {
        if (host is IAsyncDisposable disposable)
        {
            await disposable.DisposeAsync();
        }
        else
        {
            host.Dispose();
        }
    }
}
