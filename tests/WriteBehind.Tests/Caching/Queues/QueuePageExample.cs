using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Queues;

namespace WriteBehind.Tests.Caching.Queues;

/// <summary>The example of docs/queue.md, word for word.</summary>
internal static class QueuePageExample
{
    public static async Task RunAsync(string redis, Func<IReadOnlyList<string>, Task> HandleAsync)
    {
        var services = new ServiceCollection();
        // <page>
        services.AddWriteBehind().UseRedis(redis).AddQueue("mails", queue => queue.Deduplicate = true);
        // </page>
        await using var provider = services.BuildServiceProvider();
        // <page>
        var queue = provider.GetRequiredKeyedService<IReliableQueue>("mails");
        await queue.EnqueueAsync("order 7");

        await using var worker = queue.OpenWorker();
        var batch = await worker.TakeAsync(most: 10);       // waits until there is something
        await HandleAsync(batch.Items);
        await batch.AcknowledgeAsync();
        // </page>
    }
}
