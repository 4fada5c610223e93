using System.Globalization;
using WriteBehind.Tests.Children;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Caching.Queues;

/// <summary>Writes entities that nothing but notices will have flushed, and hangs in the flush, before anything is saved.</summary>
internal sealed class HangingFlusher : IChildProgram
{
    public const int Entities = 20;

    public static void Configure(EntityTypeOptions<Item> item)
        => (item.NotifyFlush,
            item.FlushDelay, item.MaxAge, item.Lease) = (true, TimeSpan.FromHours(1), TimeSpan.FromHours(1), TimeSpan.FromSeconds(2));

    public async Task RunAsync(IReadOnlyList<string> arguments)
    {
        var hanging = new TaskCompletionSource();
        await using var engine = await TestEngine.StartAsync(ChildEngine.OptionsFrom(arguments) with
        {
            Item = Configure,
            Probe = new SinkProbe
            {
                BeforeSave = _ =>
                {
                    hanging.TrySetResult();
                    return new TaskCompletionSource().Task;
                },
            },
        });
        await Task.WhenAll(
            Enumerable.Range(0, Entities).Select(i => engine.Items.SetAsync(i.ToString(CultureInfo.InvariantCulture), new Item(i))));
        await hanging.Task;
        Console.WriteLine("hanging");
        await new TaskCompletionSource().Task;
    }
}
