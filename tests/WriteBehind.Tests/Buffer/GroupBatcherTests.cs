using System.Collections.Concurrent;
using WriteBehind.Redis;
using WriteBehind.TestTools;

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

    [Fact]
    public async Task What_comes_while_enough_batches_are_under_way_goes_together_once_one_of_them_ends()
    {
        var batches = new HeldBatches();
        var batcher = batches.Batcher(TimeSpan.FromHours(1));
        Task<int>[] first = [batcher.SendAsync(1), batcher.SendAsync(2)];
        await batches.HasAsync(2);
        Task<int>[] waiting = [.. Enumerable.Range(3, 20).Select(batcher.SendAsync)];

        batches.End(0);

        await batches.HasAsync(3);
        Assert.Equal(Enumerable.Range(3, 20), batches[2]);
        batches.End(1);
        batches.End(2);
        await Task.WhenAll([.. first, .. waiting]);
    }

    [Fact]
    public async Task Where_all_of_them_hang_a_further_one_steps_in_up_to_the_most_there_may_be()
    {
        var batches = new HeldBatches();
        var batcher = batches.Batcher(TimeSpan.FromMilliseconds(1));
        List<Task<int>> sent = [batcher.SendAsync(1), batcher.SendAsync(2), batcher.SendAsync(3)];
        await batches.HasAsync(3);
        sent.Add(batcher.SendAsync(4));
        await batches.HasAsync(4);
        sent.Add(batcher.SendAsync(5));

        batches.End(3);

        await batches.HasAsync(5);
        Assert.Equal([1, 2, 3, 4, 5], batches.All);
        Array.ForEach([0, 1, 2, 4], batches.End);
        Assert.Equal(new[] { -1, -2, -3, -4, -5 }, await Task.WhenAll(sent));
    }

    [Fact]
    public async Task Where_those_that_step_in_hang_too_further_ones_follow_without_another_request()
    {
        var batches = new HeldBatches();
        var batcher = batches.Batcher(TimeSpan.FromMilliseconds(1), maxItems: 1);
        Task<int>[] sent = [.. Enumerable.Range(1, 4).Select(batcher.SendAsync)];

        await batches.HasAsync(4);
        Array.ForEach([0, 1, 2, 3], batches.End);
        Assert.Equal(new[] { -1, -2, -3, -4 }, await Task.WhenAll(sent));
    }

    /// <summary>Batches, each of which is under way until it is ended.</summary>
    private sealed class HeldBatches
    {
        private readonly ConcurrentQueue<(int[] Requests, TaskCompletionSource End)> _batches = new();

        public int[] this[int index] => _batches.ElementAt(index).Requests;

        public IEnumerable<int> All => _batches.SelectMany(static batch => batch.Requests);

        /// <summary>Two at once, four at most.</summary>
        public GroupBatcher<int, int> Batcher(TimeSpan patience, int maxItems = 512) => new(
            async batch =>
            {
                var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _batches.Enqueue(([.. batch], end));
                await end.Task;
                return [.. batch.Select(static request => -request)];
            },
            maxItems,
            static _ => 0,
            int.MaxValue,
            concurrency: 4,
            eager: 2,
            patience: patience);

        public Task HasAsync(int count) => Eventually.TrueAsync(() => Task.FromResult(_batches.Count >= count));

        public void End(int index) => _batches.ElementAt(index).End.SetResult();
    }
}
