using System.Threading.RateLimiting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using StackExchange.Redis;
using WriteBehind;
using WriteBehind.Caching;
using WriteBehind.Queues;
using WriteBehind.RateLimits;

namespace Matrix;

/// <summary>One process of a service on a place, in this process.</summary>
internal sealed class Engine : IAsyncDisposable
{
    private readonly IHost _host;
    private readonly Place _place;

    private Engine(IHost host, Place place) => (_host, _place) = (host, place);

    public IWriteBehindEngine Own => _host.Services.GetRequiredService<IWriteBehindEngine>();

    public IEntityStore<Counter> Counters => Own.Store<Counter>();

    /// <summary>Entities of which only three may be dirty.</summary>
    public IEntityStore<Bounded> Few => Own.Store<Bounded>();

    public ICache Cache => _host.Services.GetRequiredKeyedService<ICache>("names");

    public RateLimiter Limiter(string caller) => _host.Services.GetRequiredService<IRateLimits>().For("calls", caller);

    public IReliableQueue Queue => _host.Services.GetRequiredKeyedService<IReliableQueue>("mails");

    /// <exception cref="WriteBehindException">The engine refuses to start there.</exception>
    public static async Task<Engine> StartAsync(Place place, string prefix)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddDbContextFactory<CounterContext>(db => db.UseNpgsql(place.Postgres));
        builder.Services
            .AddWriteBehind(options =>
            {
                (options.KeyPrefix, options.DrainTimeout) = (prefix, TimeSpan.FromSeconds(60));
                options.ReplicaAcknowledgements = place.ReplicaAcknowledgements;
            })
            .UseRedis(ConfigurationOf(place))
            .UseEntityFramework<CounterContext>()
            .AddEntity<Counter>("counter", static counter =>
            {
                (counter.FlushDelay, counter.MaxAttempts) = (TimeSpan.FromMilliseconds(100), 2);
                counter.RetryDelay = TimeSpan.FromMilliseconds(50);
            })
            .AddEntity<Bounded>("few", static few => (few.FlushDelay, few.MaxAge, few.MaxDirty, few.Shards) =
                (TimeSpan.FromHours(1), TimeSpan.FromHours(1), 3, 1))
            .AddCache("names")
            .AddRateLimit("calls", static limit => (limit.Permits, limit.Window) = (5, TimeSpan.FromMinutes(1)))
            .AddQueue("mails");
        var host = builder.Build();
        try
        {
            await host.StartAsync();
            return new Engine(host, place);
        }
        catch
        {
            await ((IAsyncDisposable)host).DisposeAsync();
            throw;
        }
    }

    private static ConfigurationOptions ConfigurationOf(Place place)
    {
        var configuration = ConfigurationOptions.Parse(place.Redis);
        if (place.Trusted is { } trusted)
        {
            configuration.CertificateValidation += (_, shown, _, _) => shown?.GetCertHashString() == trusted;
        }

        return configuration;
    }

    /// <summary>Creates the table.</summary>
    public static async Task CreateTableAsync(Place place)
    {
        await using var context = new CounterContext(new DbContextOptionsBuilder<CounterContext>().UseNpgsql(place.Direct).Options);
        await context.Database.EnsureCreatedAsync();
    }

    /// <summary>The count in a row; null where there is none.</summary>
    public async Task<long?> RowAsync(string id) => (long?)await ScalarAsync("SELECT count FROM counters WHERE id = @id", id);

    /// <summary>The sum over the rows whose id begins so.</summary>
    public async Task<long> SumAsync(string prefix)
        => (long)(decimal)(await ScalarAsync("SELECT coalesce(sum(count), 0) FROM counters WHERE id LIKE @id || '%'", prefix))!;

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        await ((IAsyncDisposable)_host).DisposeAsync();
    }

    private async Task<object?> ScalarAsync(string sql, string id)
    {
        await using var source = NpgsqlDataSource.Create(_place.Direct);
        await using var command = source.CreateCommand(sql);
        command.Parameters.AddWithValue("id", id);
        return await command.ExecuteScalarAsync();
    }
}
