using StackExchange.Redis;

namespace Silo.Hosting;

/// <summary>
/// The one connection of the cluster's own business: membership, reminders, bookkeeping. The engine has others: a burst of writes there
/// must not make a silo look dead here.
/// </summary>
internal sealed class ClusterRedis(SiloSettings settings) : IAsyncDisposable
{
    private readonly Lazy<Task<IConnectionMultiplexer>> _connection = new(() => ConnectAsync(Options(settings)));

    public Task<IConnectionMultiplexer> GetAsync() => _connection.Value;

    /// <summary>The same settings for everybody who is given the connection, as the providers want to see some.</summary>
    public static ConfigurationOptions Options(SiloSettings settings)
    {
        var options = ConfigurationOptions.Parse(settings.Redis);
        options.ClientName = "writebehind-cluster";
        options.AbortOnConnectFail = false; // A Redis that is still starting is waited for.
        return options;
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection.IsValueCreated && await Task.WhenAny(_connection.Value) is { IsCompletedSuccessfully: true } connected)
        {
            await (await connected).DisposeAsync();
        }
    }

    private static async Task<IConnectionMultiplexer> ConnectAsync(ConfigurationOptions options)
        => await ConnectionMultiplexer.ConnectAsync(options);
}
