using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.TestTools;

namespace WriteBehind.EntityFrameworkCore.Tests.Support;

/// <summary>A database with the tables of <see cref="TestContext"/>, for the tests of one class. Tests keep apart by their ids.</summary>
public sealed class Database : IAsyncLifetime, IAsyncDisposable
{
    private SinkHost<TestContext>? _host;

    internal SinkHost<TestContext> Host => _host ?? throw new InvalidOperationException("xunit initialises it before the first test.");

    internal string ConnectionString { get; private set; } = "";

    internal IEntitySink<TState> Sink<TState>(string type = "test")
        where TState : class
        => Host.Sink<TState>(type);

    public async Task InitializeAsync()
    {
        ConnectionString = await SharedServers.CreateDatabaseAsync();
        _host = new SinkHost<TestContext>(ConnectionString);
        await _host.WithContextAsync(context => context.Database.EnsureCreatedAsync());
    }

    public ValueTask DisposeAsync() => Host.DisposeAsync();

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();
}
