using WriteBehind.Redis;

namespace WriteBehind.Tests.Buffer;

/// <summary>The queue behind a batch that does not get through.</summary>
public sealed class GroupBatcherTests
{
    [Fact]
    public async Task Requests_beyond_the_bound_are_refused_at_once_and_those_within_it_are_answered()
    {
        var sending = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var taken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var batcher = new GroupBatcher<int, int>(
            async batch =>
            {
                taken.TrySetResult();
                await sending.Task;
                return [.. batch.Select(static request => -request)];
            },
            maxItems: 512,
            static _ => 0,
            int.MaxValue);
        var underWay = batcher.SendAsync(0);
        await taken.Task;
        Task<int>[] waiting = [.. Enumerable.Range(1, GroupBatcher<int, int>.MostWaiting).Select(batcher.SendAsync)];

        Assert.DoesNotContain(waiting, static request => request.IsCompleted);
        Assert.All(new Task[] { batcher.SendAsync(1), batcher.SendManyAsync([1, 2]) }, static refused =>
        {
            Assert.True(refused.IsFaulted);
            Assert.False(Assert.IsType<BufferUnavailableException>(refused.Exception.InnerException).OutcomeUnknown);
        });

        sending.SetResult();
        Assert.Equal(0, await underWay);
        Assert.Equal(Enumerable.Range(1, waiting.Length).Select(static request => -request), await Task.WhenAll(waiting));
        Assert.Equal(new[] { -1, -2 }, await batcher.SendManyAsync([1, 2]));
    }
}
