using System.Diagnostics;
using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>A PostgreSQL of its own that goes away and comes back.</summary>
public sealed class OutageTests
{
    [Fact]
    public async Task A_stopped_server_is_transient_and_the_sink_works_again_after_its_return()
    {
        await using var server = await PostgresServer.StartAsync(new() { Fsync = false });
        await using var host = await HostAsync(await server.CreateDatabaseAsync());
        var sink = host.Sink<Counter>();
        await sink.PutAsync("a", 1, new Counter());
        var deadline = await sink.DeadlineAsync(TimeSpan.FromMinutes(5));
        await server.StopAsync();

        // The first try meets the pool's dead connection, the second can't connect.
        Assert.Equal(SinkFailure.Transient, (await FailAsync(sink, deadline)).Failure);
        var error = await FailAsync(sink, deadline);
        Assert.Equal((SinkFailure.Transient, false), (error.Failure, error.OutcomeUnknown));
        Assert.Equal(
            SinkFailure.Transient, (await Assert.ThrowsAsync<SinkException>(() => sink.LoadAsync(["a"], CancellationToken.None))).Failure);
        Assert.Equal(
            SinkFailure.Transient, (await Assert.ThrowsAsync<SinkException>(() => sink.VerifyAsync(CancellationToken.None))).Failure);
        Assert.Equal(
            SinkFailure.Transient, (await Assert.ThrowsAsync<SinkException>(() => sink.ReadClockAsync(CancellationToken.None))).Failure);

        await server.RestartAsync();
        await Eventually.TrueAsync(async () => (await sink.PutAsync("a", 2, new Counter())).Outcome == SaveOutcome.Applied);
    }

    [Fact]
    public async Task A_connection_cut_in_the_middle_of_a_save_leaves_its_outcome_unknown()
    {
        var direct = await SharedServers.CreateDatabaseAsync();
        await using var host = await HostAsync(direct);
        await using var proxy = TcpProxy.Start((await SharedServers.PostgresAsync()).Port);
        await using var proxied = new SinkHost<TestContext>(PostgresServer.Through(direct, proxy.Port));
        var sink = proxied.Sink<Counter>();
        await sink.PutAsync("a", 1, new Counter());
        await using var barrier = await CommitBarrier.RaiseAsync(host, "counters");
        var put = sink.PutAsync("b", 1, new Counter());
        await barrier.WaitersAsync(1);

        await proxy.CutAsync();

        var error = await Assert.ThrowsAsync<SinkException>(() => put);
        Assert.Equal((SinkFailure.Transient, true), (error.Failure, error.OutcomeUnknown));
        await barrier.LowerAsync();
        await Eventually.TrueAsync(async () => await host.Sink<Counter>().FindAsync("b") is not null);
    }

    [Fact]
    public async Task A_frozen_server_is_given_up_soon_after_the_time_out()
    {
        await using var server = await PostgresServer.StartAsync(new() { Fsync = false });
        await using var host = await HostAsync(await server.CreateDatabaseAsync());
        var sink = host.Sink<Counter>();
        await sink.PutAsync("a", 1, new Counter());
        var deadline = await sink.DeadlineAsync(TimeSpan.FromMinutes(5));
        await server.FreezeAsync();
        var started = Stopwatch.GetTimestamp();

        var error = await FailAsync(sink, deadline);

        Assert.Equal((SinkFailure.Transient, true), (error.Failure, error.OutcomeUnknown));
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));
        await server.ThawAsync();
    }

    private static async Task<SinkHost<TestContext>> HostAsync(string connectionString)
    {
        var host = new SinkHost<TestContext>(connectionString);
        await host.WithContextAsync(context => context.Database.EnsureCreatedAsync());
        return host;
    }

    private static Task<SinkException> FailAsync(IEntitySink<Counter> sink, DateTimeOffset deadline)
        => Assert.ThrowsAsync<SinkException>(() => sink.SaveAsync(
            [new SaveItem<Counter>("a", 2, new Counter())], deadline, TimeSpan.FromSeconds(1), CancellationToken.None));
}
