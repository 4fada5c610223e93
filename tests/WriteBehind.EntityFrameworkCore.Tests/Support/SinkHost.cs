using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace WriteBehind.EntityFrameworkCore.Tests.Support;

/// <summary>Sinks of a context over one database, made as an application has them made.</summary>
internal sealed class SinkHost<TContext> : IAsyncDisposable
    where TContext : DbContext
{
    private readonly ServiceProvider _services;
    private readonly NpgsqlDataSource _dataSource;

    public SinkHost(
        string connectionString,
        Action<IServiceCollection, NpgsqlDataSource>? register = null,
        Action<EntityFrameworkSinkOptions>? configure = null,
        Action<NpgsqlDataSourceBuilder>? source = null)
    {
        var builder = new NpgsqlDataSourceBuilder(connectionString);
        source?.Invoke(builder);
        _dataSource = builder.Build();
        var services = new ServiceCollection();
        if (register is null)
        {
            services.AddDbContext<TContext>(options => options.UseNpgsql(_dataSource));
        }
        else
        {
            register(services, _dataSource);
        }

        services.AddWriteBehind().UseEntityFramework<TContext>(configure);
        _services = services.BuildServiceProvider();
    }

    public NpgsqlDataSource DataSource => _dataSource;

    public IEntitySink<TState> Sink<TState>(string type = "test", Action<EntityTypeOptions<TState>>? configure = null)
        where TState : class
    {
        var options = new EntityTypeOptions<TState>(type);
        configure?.Invoke(options);
        return _services.GetRequiredService<IEntitySinkFactory>().Create(options);
    }

    public async Task<T> WithContextAsync<T>(Func<TContext, Task<T>> work)
    {
        await using var scope = _services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<TContext>());
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var command = _dataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = _dataSource.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _dataSource.DisposeAsync();
    }
}
