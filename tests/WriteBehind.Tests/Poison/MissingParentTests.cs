using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Poison;

/// <summary>
/// Rows that refer to others which are flushed later: an <see cref="Item"/> is the parent of the <see cref="Reading"/> of its id.
/// </summary>
public sealed class MissingParentTests
{
    [Fact]
    public async Task A_child_whose_parent_is_flushed_later_than_its_tries_last_waits_for_it()
    {
        await using var engine = await StartAsync(parentDelay: TimeSpan.FromSeconds(4), maxAge: TimeSpan.FromSeconds(10));
        var readings = engine.Engine.Store<Reading>("reading");
        await Task.WhenAll(Enumerable.Range(0, 40).SelectMany(i => new Task[]
        {
            readings.SetAsync($"e{i}", new Reading { Count = i }),
            engine.Items.SetAsync($"e{i}", new Item(i)),
        }));

        await Eventually.TrueAsync(async () => await CountAsync(engine) == 40);

        await Eventually.TrueAsync(async () => await ReadingsAsync(engine) is { Dirty: 0 });
        var status = await ReadingsAsync(engine);
        Assert.Equal((0L, true), (status.DeadLetters, status.Counters.TransientFailures > 0));
    }

    [Fact]
    public async Task A_single_child_waits_too_and_others_go_on_without_it()
    {
        await using var engine = await StartAsync(parentDelay: TimeSpan.FromMilliseconds(20), maxAge: TimeSpan.FromSeconds(10));
        var readings = engine.Engine.Store<Reading>("reading");
        await engine.Items.SetAsync("first", new Item(1));
        await engine.FlushAsync("first");
        await readings.SetAsync("orphan", new Reading { Count = 1 });
        await readings.SetAsync("first", new Reading { Count = 1 });
        await Eventually.TrueAsync(() => engine.Sink.SentFor("orphan").Count >= 4);
        Assert.Equal(1, await CountAsync(engine));
        Assert.Equal((1L, 0L), ((await ReadingsAsync(engine)).Dirty, (await ReadingsAsync(engine)).DeadLetters));

        await engine.Items.SetAsync("orphan", new Item(1));

        await Eventually.TrueAsync(async () => await CountAsync(engine) == 2);
    }

    [Fact]
    public async Task The_letter_of_one_that_waited_in_vain_heals_once_the_parent_has_come()
    {
        await using var engine = await StartAsync(parentDelay: TimeSpan.FromMilliseconds(20), maxAge: TimeSpan.FromMilliseconds(200));
        await engine.Engine.Store<Reading>("reading").SetAsync("late", new Reading { Count = 1 });
        await Eventually.TrueAsync(async () => await ReadingsAsync(engine) is { DeadLetters: 1 });
        var letter = Assert.Single(await engine.Engine.DeadLetters.ListAsync("reading"));
        Assert.Equal("23503", letter.Code);
        Assert.Contains("refers to", letter.Error, StringComparison.Ordinal);

        await engine.Items.SetAsync("late", new Item(1));

        await Eventually.TrueAsync(async () => await CountAsync(engine) == 1);
        await Eventually.TrueAsync(async () => await ReadingsAsync(engine) is { Dirty: 0, DeadLetters: 0 });
    }

    [Fact]
    public async Task A_flush_of_everything_leaves_no_child_behind_whose_parent_it_flushes()
    {
        await using var engine = await StartAsync(parentDelay: TimeSpan.FromHours(1), maxAge: TimeSpan.FromHours(2), sweep: false);
        engine.Sink.BeforeSave = async ids =>
        {
            if (ids.Contains("parent only"))
            {
                await Eventually.TrueAsync(() => engine.Sink.SentFor("child").Any(),
                    because: "the child is tried before its parent is saved");
            }
        };
        await engine.Items.SetAsync("child", new Item(1));
        await engine.Items.SetAsync("parent only", new Item(1));
        await engine.Engine.Store<Reading>("reading").SetAsync("child", new Reading { Count = 1 });

        var report = await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1));

        Assert.True(report.IsClean);
        Assert.Equal(1, await CountAsync(engine));
    }

    private static async Task<TestEngine> StartAsync(TimeSpan parentDelay, TimeSpan maxAge, bool sweep = true)
    {
        var engine = await TestEngine.StartAsync(new()
        {
            Sweep = sweep,
            Item = item => (item.FlushDelay, item.MaxAge) = (parentDelay, TimeSpan.FromHours(2)),
            More = builder => builder.AddEntity<Reading>("reading", reading =>
            {
                reading.FlushDelay = TimeSpan.FromMilliseconds(20);
                reading.RetryDelay = TimeSpan.FromMilliseconds(20);
                reading.MaxAge = maxAge;
                reading.MaxAttempts = 2;
            }),
        });
        await engine.Table.ExecuteAsync("ALTER TABLE readings ADD FOREIGN KEY (id) REFERENCES items (id)");
        return engine;
    }

    private static async Task<TypeStatus> ReadingsAsync(TestEngine engine)
        => (await engine.Engine.GetStatusAsync()).Types.Single(static type => type.Type == "reading");

    private static async Task<long> CountAsync(TestEngine engine)
        => (long)(await engine.Table.ScalarAsync("SELECT count(*) FROM readings"))!;
}
