using System.Globalization;
using WriteBehind.Tests.Children;

namespace WriteBehind.Tests.Caching.Queues;

/// <summary>Takes items and says so; acknowledges every one but those it is told to hold.</summary>
internal sealed class HoldingWorker : IChildProgram
{
    public async Task RunAsync(IReadOnlyList<string> arguments)
    {
        await using var service = QueueService.Start(arguments[0], arguments[1]);
        await using var worker = service.Queue.OpenWorker();
        var most = int.Parse(arguments[2], CultureInfo.InvariantCulture);
        while (true)
        {
            var batch = await worker.TakeAsync(most);
            foreach (var item in batch.Items)
            {
                Console.WriteLine($"took {item}");
            }

            var done = batch.Items.Where(static item => !item.StartsWith("hold", StringComparison.Ordinal)).ToArray();
            if (await batch.AcknowledgeAsync(done) < done.Length)
            {
                // It stood still for longer than its lease, as all of a busy machine may: others have them.
                continue;
            }

            foreach (var item in done)
            {
                Console.WriteLine($"done {item}");
            }
        }
    }
}
