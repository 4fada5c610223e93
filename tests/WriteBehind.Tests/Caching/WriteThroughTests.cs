using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching;

public sealed class WriteThroughTests
{
    [Theory]
    [OnBoth]
    public async Task A_write_is_in_postgresql_when_it_returns_and_in_the_cache_without_a_load(Servers on)
    {
        await using var node = await CacheNode.StartAsync(on);
        Assert.Equal(1, await node.Readings.SetAsync("a", new Reading { Count = 5 }));
        Assert.Equal(5, await node.RowCountOfAsync("a"));

        var read = (await node.Readings.GetAsync("a"))!;
        Assert.Equal((5, 1), (read.State.Count, read.Version));
        Assert.Equal(2, await node.Readings.SetAsync("a", new Reading { Count = 6 }, expectedVersion: 1));
        Assert.Equal(6, (await node.Readings.GetAsync("a"))!.State.Count);
    }

    [Fact]
    public async Task Reads_of_many_rows_are_one_query_for_all_that_are_missing_and_absent_ones_are_left_out()
    {
        await using var node = await CacheNode.StartAsync();
        for (var i = 0; i < 20; i++)
        {
            await node.PutRowAsync($"r{i}", i, i);
        }

        await node.Readings.GetAsync("r0");
        var queries = new List<int>();
        node.Engine.Sink.BeforeLoad = ids =>
        {
            queries.Add(ids.Count);
            return Task.CompletedTask;
        };
        var read = await node.Readings.GetManyAsync(Enumerable.Range(0, 25).Select(i => $"r{i}"));
        Assert.Equal(Enumerable.Range(0, 20).Select(i => (long)i).Order(), read.Values.Select(row => row.State.Count).Order());
        Assert.Equal(7, read["r7"].Version);

        // Those that are not there are remembered as such.
        Assert.Equal(20, (await node.Readings.GetManyAsync(Enumerable.Range(0, 25).Select(i => $"r{i}"))).Count);
        Assert.Equal([24], queries);
    }

    [Theory]
    [OnBoth]
    public async Task A_write_on_an_outdated_version_is_refused_and_changes_nothing(Servers on)
    {
        await using var node = await CacheNode.StartAsync(on);
        await node.Readings.SetAsync("a", new Reading { Count = 1 });
        await node.Readings.SetAsync("a", new Reading { Count = 2 });
        var conflict = await Assert.ThrowsAsync<WriteConflictException>(
            () => node.Readings.SetAsync("a", new Reading { Count = 9 }, expectedVersion: 1));
        Assert.Equal((1, 2), (conflict.ExpectedVersion, conflict.CurrentVersion));
        Assert.Equal(2, (await node.Readings.GetAsync("a"))!.State.Count);
        Assert.Equal(2, await node.RowCountOfAsync("a"));
    }

    [Fact]
    public async Task A_write_that_fails_before_the_row_is_touched_leaves_the_entry_to_its_readers()
    {
        await using var postgres = await PostgresServer.StartAsync(new() { Fsync = false });
        var database = await postgres.CreateDatabaseAsync();
        await new ItemTable(database).CreateAsync();
        await using var node = await CacheNode.StartAsync(postgres: database);
        await node.Readings.SetAsync("a", new Reading { Count = 1 });
        await node.Readings.SetAsync("a", new Reading { Count = 2 });
        await Assert.ThrowsAsync<WriteConflictException>(() => node.Readings.SetAsync("a", new Reading { Count = 9 }, expectedVersion: 1));
        await postgres.KillAsync();

        await Assert.ThrowsAsync<SinkException>(() => node.Readings.SetAsync("a", new Reading { Count = 9 }));
        await Assert.ThrowsAsync<SinkException>(() => node.Readings.DeleteAsync("a"));

        Assert.Equal(2, (await node.Readings.GetAsync("a"))!.State.Count);
    }

    [Theory]
    [OnBoth]
    public async Task A_conflict_with_a_row_that_was_changed_past_the_cache_removes_the_outdated_entry(Servers on)
    {
        await using var node = await CacheNode.StartAsync(on);
        await node.Readings.SetAsync("a", new Reading { Count = 1 });
        await node.PutRowAsync("a", 5, 5);
        await Assert.ThrowsAsync<WriteConflictException>(() => node.Readings.SetAsync("a", new Reading { Count = 9 }, expectedVersion: 1));
        Assert.Equal(5, (await node.Readings.GetAsync("a"))!.Version);
    }

    [Fact]
    public async Task A_delete_that_finds_no_row_does_not_hide_one_that_came_before_its_mark()
    {
        await using var node = await CacheNode.StartAsync();
        await using var other = await node.StartOtherAsync();
        var (looked, inserted) = (new TaskCompletionSource(), new TaskCompletionSource());
        await node.Readings.GetAsync("a");
        node.Engine.Sink.AfterLoad = async _ =>
        {
            node.Engine.Sink.AfterLoad = null;
            looked.SetResult();
            await inserted.Task;
        };
        var deleting = node.Readings.DeleteAsync("a");
        await looked.Task;
        await other.Readings.SetAsync("a", new Reading { Count = 1 });
        inserted.SetResult();
        await deleting;
        Assert.Equal(await node.RowCountOfAsync("a"), (await node.Readings.GetAsync("a"))?.State.Count);
    }

    [Fact]
    public async Task A_deleted_row_is_known_to_be_absent_and_can_come_back()
    {
        await using var node = await CacheNode.StartAsync();
        await node.Readings.SetAsync("a", new Reading { Count = 1 });
        await node.Readings.DeleteAsync("a");
        var loads = node.Engine.Sink.Loads;
        Assert.Null(await node.Readings.GetAsync("a"));
        Assert.Equal(loads, node.Engine.Sink.Loads);
        await node.Readings.SetAsync("a", new Reading { Count = 3 });
        Assert.Equal(3, (await node.Readings.GetAsync("a"))!.State.Count);
        await node.Readings.DeleteAsync("never-there");
    }

    [Theory]
    [OnBoth]
    public async Task Two_processes_that_write_at_once_leave_the_cache_with_what_the_row_has(Servers on)
    {
        await using var first = await CacheNode.StartAsync(on);
        await using var second = await first.StartOtherAsync();
        for (var round = 0; round < 20; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 6).Select(i =>
                (i % 2 == 0 ? first : second).Readings.SetAsync("a", new Reading { Count = (10 * round) + i })));
            var row = await first.RowCountOfAsync("a");
            Assert.Equal(row, (await first.Readings.GetAsync("a"))!.State.Count);
            Assert.Equal(row, (await second.Readings.GetAsync("a"))!.State.Count);
        }

        Assert.Equal(120, (await first.Readings.GetAsync("a"))!.Version);
    }

    [Fact]
    public async Task While_a_row_is_being_written_readers_ask_the_database_and_store_nothing()
    {
        await using var node = await CacheNode.StartAsync();
        await using var reader = await node.StartOtherAsync(readings: rows => rows.LocalCapacity = 100);
        await node.Readings.SetAsync("a", new Reading { Count = 1 });
        await reader.Readings.GetAsync("a");
        node.Engine.Sink.BeforeSave = async _ => Assert.Equal(1, (await reader.Readings.GetAsync("a"))!.State.Count);
        node.Engine.Sink.AfterSave = async _ => Assert.Equal(2, (await reader.Readings.GetAsync("a"))!.State.Count);
        await node.Readings.SetAsync("a", new Reading { Count = 2 });
        Assert.Equal(2, (await reader.Readings.GetAsync("a"))!.State.Count);
    }

    [Fact]
    public async Task Nothing_is_written_where_redis_is_away_at_the_start()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var node = await CacheNode.StartAsync(redis: redis.Configuration);
        await node.Readings.SetAsync("a", new Reading { Count = 1 });
        await redis.KillAsync();
        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => node.Readings.SetAsync("a", new Reading { Count = 2 }));
        Assert.False(error.OutcomeUnknown);
        Assert.Equal(1, await node.RowCountOfAsync("a"));
    }

    [Fact]
    public async Task Where_redis_goes_away_between_the_row_and_the_cache_no_old_value_is_read_afterwards()
    {
        await using var redis = await RedisServer.StartAsync(new() { AppendFsync = "always" });
        await using var node = await CacheNode.StartAsync(redis: redis.Configuration, readings: rows => rows.LocalCapacity = 100);
        await node.Readings.SetAsync("a", new Reading { Count = 1 });
        await node.Readings.GetAsync("a");
        node.Engine.Sink.AfterSave = _ => redis.KillAsync();

        // It is where it was promised to be.
        Assert.Equal(2, await node.Readings.SetAsync("a", new Reading { Count = 2 }));
        Assert.Equal(2, (await node.Readings.GetAsync("a"))!.State.Count);
        await redis.RestartAsync();
        await using var other = await node.StartOtherAsync();
        Assert.Equal(2, (await other.Readings.GetAsync("a"))!.State.Count);
    }

    [Fact]
    public async Task A_writer_killed_between_the_row_and_the_cache_leaves_no_old_value_behind()
    {
        await using var node = await CacheNode.StartAsync(readings: rows => rows.LocalCapacity = 100);
        await node.PutRowAsync("a", 1, 1);
        Assert.Equal(1, (await node.Readings.GetAsync("a"))!.State.Count);
        await using var writer = Children.ChildEngine.Start<DyingWriter>(node.Engine.Options, node.Name);
        await writer.WaitForExitAsync();
        Assert.Contains("saved", writer.Output);
        Assert.Equal(2, await node.RowCountOfAsync("a"));

        // In doubt for a while: right, and not stored. Then stored again.
        Assert.Equal(2, (await node.Readings.GetAsync("a"))!.State.Count);
        Assert.False(await HasContentAsync(node));
        await Eventually.TrueAsync(
            async () => (await node.Readings.GetAsync("a"))!.State.Count == 2 && await HasContentAsync(node));
    }

    [Fact]
    public async Task A_write_of_unknown_outcome_leaves_the_entry_in_doubt_and_one_that_failed_for_certain_does_not()
    {
        await using var node = await CacheNode.StartAsync();
        await node.Readings.SetAsync("a", new Reading { Count = 1 });
        node.Engine.Sink.BeforeSave = static _ => throw new SinkException(SinkFailure.Transient, "refused (test)");
        await Assert.ThrowsAsync<SinkException>(() => node.Readings.SetAsync("a", new Reading { Count = 2 }));
        Assert.Null(await SendAsync(node, "HGET", "m"));

        node.Engine.Sink.BeforeSave = static _ => throw new SinkException(SinkFailure.Transient, "broken (test)", outcomeUnknown: true);
        await Assert.ThrowsAsync<SinkException>(() => node.Readings.SetAsync("a", new Reading { Count = 2 }));
        Assert.NotNull(await SendAsync(node, "HGET", "m"));
        Assert.Equal(1, (await node.Readings.GetAsync("a"))!.State.Count);
    }

    [Theory]
    [OnBoth]
    public async Task Rows_are_tagged_by_their_state(Servers on)
    {
        await using var node = await CacheNode.StartAsync(on, readings: rows => rows.TagsOf = row => [row.Count % 2 == 0 ? "even" : "odd"]);
        await node.Readings.SetAsync("a", new Reading { Count = 1 });
        await node.Readings.SetAsync("b", new Reading { Count = 2 });
        await node.PutRowAsync("a", 1, 11);
        await node.PutRowAsync("b", 1, 12);
        await node.Readings.RemoveTagAsync("odd");
        Assert.Equal(11, (await node.Readings.GetAsync("a"))!.State.Count);
        Assert.Equal(2, (await node.Readings.GetAsync("b"))!.State.Count);
    }

    [Fact]
    public async Task A_row_whose_tags_cannot_be_told_is_read_and_not_cached_and_the_others_of_its_load_are()
    {
        await using var node = await CacheNode.StartAsync(
            readings: rows => rows.TagsOf = row => row.Count < 0 ? throw new InvalidDataException() : [$"count{row.Count}"]);
        await node.PutRowAsync("a", 1, -1);
        await node.PutRowAsync("b", 1, 1);
        Assert.Equal([-1, 1], (await node.Readings.GetManyAsync(["a", "b"])).Values.Select(static row => row.State.Count).Order());
        var loads = node.Engine.Sink.Loads;
        Assert.Equal(-1, (await node.Readings.GetAsync("a"))!.State.Count);
        Assert.Equal(1, (await node.Readings.GetAsync("b"))!.State.Count);
        Assert.Equal(loads + 1, node.Engine.Sink.Loads);
        Assert.True(node.Engine.Log.Has(Microsoft.Extensions.Logging.LogLevel.Warning, "'a' of cache"));
        await Assert.ThrowsAsync<InvalidDataException>(() => node.Readings.SetAsync("a", new Reading { Count = -2 }));
    }

    [Fact]
    public async Task A_write_keeps_the_load_time_that_refreshes_go_by()
    {
        await using var node = await CacheNode.StartAsync();
        await node.PutRowAsync("a", 1, 1);
        await node.Readings.GetAsync("a");
        var loadTime = await SendAsync(node, "HGET", "c");
        Assert.NotEqual("0", loadTime);
        await node.Readings.SetAsync("a", new Reading { Count = 2 });
        await node.Readings.SetAsync("a", new Reading { Count = 3 });
        Assert.True(await HasContentAsync(node));
        Assert.Equal(loadTime, await SendAsync(node, "HGET", "c"));
    }

    [Fact]
    public async Task Rows_restored_with_older_versions_are_cached_again_once_the_newer_entry_has_expired()
    {
        await using var node = await CacheNode.StartAsync(readings: rows =>
            (rows.Ttl, rows.NegativeTtl, rows.MaxStale, rows.LoadTimeout, rows.WriteTimeout, rows.FenceTime) =
            (TimeSpan.FromSeconds(1),
                TimeSpan.Zero, TimeSpan.FromHours(1), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(6)));
        await node.PutRowAsync("a", 9, 9);
        Assert.Equal(9, (await node.Readings.GetAsync("a"))!.Version);
        await node.PutRowAsync("a", 1, 1);
        await Eventually.TrueAsync(
            async () => (await node.Readings.GetAsync("a"))!.Version == 1 && await SendAsync(node, "HGET", "v") == "1");
    }

    [Fact]
    public async Task A_state_that_cannot_be_encoded_is_saved_and_not_cached()
    {
        await using var node = await CacheNode.StartAsync(
            readings: rows => rows.Json = new() { Converters = { new ThrowingConverter<Reading>() } });
        Assert.Equal(1, await node.Readings.SetAsync("a", new Reading { Count = 1 }));
        Assert.Equal(1, await node.RowCountOfAsync("a"));
        Assert.Equal(1, (await node.Readings.GetAsync("a"))!.State.Count);
        Assert.False(await HasContentAsync(node));
    }

    private static async Task<string?> SendAsync(CacheNode node, string command, string field)
        => await (await SharedServers.RedisAsync()).SendAsync(command, RowKeyOf(node, "e1:a"), field);

    private static async Task<bool> HasContentAsync(CacheNode node)
        => await (await SharedServers.RedisAsync()).SendAsync("EXISTS", RowKeyOf(node, "d1:a")) == "1";

    private static string RowKeyOf(CacheNode node, string part) => $"{node.Engine.Options.Prefix}:{{cache.{node.Name}-rows:00}}:{part}";
}
