using System.Diagnostics;
using WriteBehind.Tests.Children;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Caching;

/// <summary>Writes a row through, and kills itself (SIGKILL) once PostgreSQL has it, before the cache is told.</summary>
internal sealed class DyingWriter : IChildProgram
{
    public async Task RunAsync(IReadOnlyList<string> arguments)
    {
        await using var node = await CacheNode.StartAsync(
            ChildEngine.OptionsFrom(arguments), arguments[3], readings: rows => rows.WriteTimeout = TimeSpan.FromSeconds(8));
        node.Engine.Sink.AfterSave = _ =>
        {
            Console.WriteLine("saved");
            Process.GetCurrentProcess().Kill();
            return new TaskCompletionSource().Task;
        };
        await node.Readings.SetAsync("a", new Reading { Count = 2 });
    }
}
