using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Transactions;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Buffer;
using WriteBehind.Engine;
using WriteBehind.Flushing;
using WriteBehind.Queues;
using WriteBehind.Tests.Caching;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Writes;

/// <summary>
/// Many callers share a write, a load and a flush. None of them may see another's ambient transaction, culture or tenant there, and a
/// change function sees its own caller's.
/// </summary>
public sealed class CallerContextTests
{
    private static readonly AsyncLocal<string?> Tenant = new();

    [Fact]
    public async Task A_change_function_runs_in_the_context_of_its_own_caller()
    {
        await using var engine = await TestEngine.StartAsync();
        var seen = new ConcurrentDictionary<string, (string? Tenant, string Culture)>();
        var first = engine.Gate.HoldAt(ProtocolStep.BeforeWrite, id: "a");
        List<Task> calls = [CallAsync("0")];
        await first.ReachedAsync();
        calls.AddRange(Enumerable.Range(1, 20).Select(i => CallAsync($"{i}")));
        first.Release();

        await Task.WhenAll(calls);

        Assert.Equal(21, seen.Count);
        Assert.All(seen, static call => Assert.Equal((call.Key, call.Key), call.Value));
        Assert.Equal(21, (await engine.Items.GetAsync("a"))!.State.Quantity);

        async Task CallAsync(string tenant)
        {
            var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            culture.NumberFormat.NegativeSign = tenant;
            (Tenant.Value, CultureInfo.CurrentCulture) = (tenant, culture);
            await engine.Items.UpdateAsync("a", item =>
            {
                seen[tenant] = (Tenant.Value, CultureInfo.CurrentCulture.NumberFormat.NegativeSign);
                return new Item((item?.Quantity ?? 0) + 1);
            });
        }
    }

    [Theory]
    [InlineData("flush")]
    [InlineData("flush all")]
    [InlineData("sweep")]
    [InlineData("write through")]
    [InlineData("session")]
    [InlineData("thread")]
    public async Task A_flush_is_no_part_of_the_transaction_of_whoever_asked_for_it(string way)
    {
        await using var engine = await TestEngine.StartAsync();
        var joined = new ConcurrentQueue<bool>();
        engine.Sink.BeforeSave = _ =>
        {
            joined.Enqueue(Transaction.Current is not null || Tenant.Value is not null);
            return Task.CompletedTask;
        };
        Tenant.Value = "somebody's";
        await engine.Items.SetAsync("a", new Item(1));

        using (var scope = new TransactionScope(TransactionScopeAsyncFlowOption.Enabled))
        {
            await (way switch
            {
                "flush" => engine.FlushAsync("a"),
                "flush all" => engine.FlushAllAsync(),
                "sweep" => engine.Services.GetRequiredService<IEngineControl>().SweepAsync(SweepPart.All, TimeSpan.Zero),
                "write through" => engine.Items.With(WriteStrategy.Through).SetAsync("a", new Item(1)),
                "session" => FlushSessionAsync(engine),
                _ => Task.CompletedTask,
            });
            _ = scope;
        }

        if (way == "thread")
        {
            FlushOnThisThread(engine);
        }

        Assert.Equal([false], joined);
        Assert.Equal(1, (await engine.Table.RowAsync("a"))!.Quantity);
        Assert.Equal(0, (await engine.StatusAsync()).Dirty);
        await engine.Items.SetAsync("b", new Item(2));
        await engine.FlushAsync("b");
        Assert.Equal(2, (await engine.Table.RowAsync("b"))!.Quantity);
    }

    [Fact]
    public async Task A_load_is_no_part_of_the_transaction_of_whoever_asked_first()
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Table.PutAsync(new ItemRow("a", Version: 3, Quantity: 7, Note: null));
        var joined = new ConcurrentQueue<bool>();
        engine.Sink.BeforeLoad = _ =>
        {
            joined.Enqueue(Transaction.Current is not null || Tenant.Value is not null);
            return Task.CompletedTask;
        };
        Tenant.Value = "somebody's";
        using (new TransactionScope(TransactionScopeAsyncFlowOption.Enabled))
        {
            Assert.Equal(7, (await engine.Items.GetAsync("a"))!.State.Quantity);
            await engine.Items.SetAsync("never there", new Item(1));
        }

        Assert.Equal([false, false], joined);
    }

    [Fact]
    public async Task A_read_through_cache_writes_its_row_whatever_becomes_of_the_callers_transaction()
    {
        await using var node = await CacheNode.StartAsync();
        using (new TransactionScope(TransactionScopeAsyncFlowOption.Enabled))
        {
            await node.Readings.SetAsync("r", new Reading { Count = 5 });
        }

        Assert.Equal(5, await node.RowCountOfAsync("r"));
    }

    [Fact]
    public async Task A_loader_of_a_cache_which_serves_all_readers_runs_in_the_context_of_none()
    {
        await using var node = await CacheNode.StartAsync(
            static cache => (cache.Ttl, cache.NegativeTtl, cache.EarlyRefresh) = (TimeSpan.FromSeconds(5), TimeSpan.Zero, 100));
        var joined = new ConcurrentQueue<bool>();
        Tenant.Value = "somebody's";
        using (new TransactionScope(TransactionScopeAsyncFlowOption.Enabled))
        {
            // The first one is waited for, the others refresh what it loaded.
            await Eventually.TrueAsync(async () =>
            {
                await node.Cache.GetOrLoadAsync("k", LoadAsync);
                return joined.Count > 2;
            });
        }

        Assert.All(joined, Assert.False);

        async Task<Page?> LoadAsync(CancellationToken cancellationToken)
        {
            joined.Enqueue(Transaction.Current is not null || Tenant.Value is not null);
            await Pause.ForAsync(TimeSpan.FromMilliseconds(50), cancellationToken);
            return new Page(1);
        }
    }

    [Theory]
    [InlineData("a")]
    [InlineData("a", "b")]
    public async Task A_value_of_a_cache_which_all_readers_share_is_read_in_the_context_of_none(params string[] keys)
    {
        var converter = new SeenConverter(() => Tenant.Value);
        await using var node = await CacheNode.StartAsync(cache => cache.Json = new JsonSerializerOptions { Converters = { converter } });
        await ReadAsync();
        converter.Seen.Clear();
        Tenant.Value = "somebody's";
        await ReadAsync();
        Assert.Equal(keys.Select(static _ => (string?)null), converter.Seen);

        async Task ReadAsync() => Assert.Equal(keys.Length, (await node.Cache.GetOrLoadManyAsync(keys, LoadAsync)).Count);

        static Task<IReadOnlyDictionary<string, Page>> LoadAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken)
            => Task.FromResult<IReadOnlyDictionary<string, Page>>(keys.ToDictionary(static key => key, static _ => new Page(1)));
    }

    [Fact]
    public async Task The_heartbeat_of_a_worker_goes_on_in_the_context_of_none()
    {
        var time = new SeenTime(TimeSpan.FromSeconds(10), () => Tenant.Value);
        await using var engine = await TestEngine.StartAsync(new()
        {
            More = builder =>
            {
                builder.Services.AddSingleton<TimeProvider>(time);
                builder.AddQueue("q", static queue => queue.Lease = TimeSpan.FromSeconds(30));
            },
        });
        Tenant.Value = "somebody's";
        await using var worker = engine.Services.GetRequiredKeyedService<IReliableQueue>("q").OpenWorker();
        await worker.TryTakeAsync(1, TimeSpan.Zero);

        await Eventually.TrueAsync(() => !time.Seen.IsEmpty);
        Assert.All(time.Seen, Assert.Null);
    }

    /// <summary>A converter which notes for whom it reads.</summary>
    private sealed class SeenConverter(Func<string?> who) : JsonConverter<Page>
    {
        public ConcurrentQueue<string?> Seen { get; } = new();

        public override Page Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            Seen.Enqueue(who());
            return new Page(reader.GetInt64());
        }

        public override void Write(Utf8JsonWriter writer, Page value, JsonSerializerOptions options)
            => writer.WriteNumberValue(value.Number);
    }

    /// <summary>The real time, which notes who waits for so long.</summary>
    private sealed class SeenTime(TimeSpan wait, Func<string?> who) : TimeProvider
    {
        public ConcurrentQueue<string?> Seen { get; } = new();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime == wait)
            {
                Seen.Enqueue(who());
            }

            return base.CreateTimer(callback, state, dueTime, period);
        }
    }

    private static async Task FlushSessionAsync(TestEngine engine)
    {
        var session = engine.Items.OpenSession("a");
        await session.LoadAsync();
        Assert.Equal(EntityFlush.Saved, await session.TryFlushAsync());
    }

    /// <summary>A transaction that is bound to its thread does not flow with the context, and is there all the same.</summary>
    private static void FlushOnThisThread(TestEngine engine)
    {
        var thread = new Thread(() =>
        {
            using var scope = new TransactionScope();
            engine.FlushAsync("a").GetAwaiter().GetResult();
        });
        thread.Start();
        thread.Join();
    }
}
