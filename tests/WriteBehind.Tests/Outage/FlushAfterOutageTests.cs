using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Outage;

/// <summary>
/// A flush of everything that begins while the breaker is still open ends with everything flushed, not with what it passed over.
/// </summary>
public sealed class FlushAfterOutageTests
{
    [Fact]
    public async Task What_was_rejected_before_an_outage_and_mended_since_is_flushed_by_a_flush_of_everything()
    {
        await using var engine = await TestEngine.StartAsync(new()
        {
            Item = static item => (item.MaxAttempts, item.RetryDelay) = (100, TimeSpan.FromMinutes(10)),
            Engine = static settings => settings.BackoffStart = settings.BackoffCap = TimeSpan.FromSeconds(3),
        });
        await engine.Items.SetAsync("mended", new Item(-1));
        await Assert.ThrowsAsync<EntityRejectedException>(() => engine.FlushAsync("mended"));
        await engine.Items.SetAsync("mended", new Item(1));
        await engine.Items.SetAsync("other", new Item(1));
        engine.Sink.BeforeSave = static _ => throw SinkProbe.Outage();
        await Assert.ThrowsAsync<FlushIncompleteException>(() => engine.Items.FlushAsync("other", TimeSpan.Zero));
        engine.Sink.BeforeSave = null;

        var report = await engine.FlushAllAsync();

        Assert.True(report.IsClean, $"{string.Join(", ", report.Remaining)}");
        Assert.Equal(["mended", "other"], (await engine.Table.RowsAsync()).Keys.Order(StringComparer.Ordinal));
    }
}
