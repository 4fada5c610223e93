using System.Diagnostics;
using System.Globalization;
using WriteBehind.Buffer;
using WriteBehind.Tests.Children;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Crash;

/// <summary>Writes, flushes, writes again, and kills itself (SIGKILL) at a given step of the second write or of its flush.</summary>
internal sealed class SuicidalEngine : IChildProgram
{
    public const int Entities = 40;

    public async Task RunAsync(IReadOnlyList<string> arguments)
    {
        var step = Enum.Parse<ProtocolStep>(arguments[3]);
        await using var engine = await TestEngine.StartAsync(
            ChildEngine.OptionsFrom(arguments) with { Item = KillAtEachStepTests.ShortLease });
        await WriteAllAsync(engine, quantity: 1);
        await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1));

        if (step <= ProtocolStep.Written)
        {
            engine.Gate.RunAt(step, DieAsync);
        }

        await WriteAllAsync(engine, quantity: 2);
        engine.Gate.RunAt(step, DieAsync);
        await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1));
        Console.WriteLine("survived");
    }

    private static async Task WriteAllAsync(TestEngine engine, long quantity)
    {
        for (var i = 0; i < Entities; i++)
        {
            await ChildEngine.WriteAsync(engine.Items, i.ToString(CultureInfo.InvariantCulture), quantity);
        }
    }

    private static Task DieAsync()
    {
        Process.GetCurrentProcess().Kill();
        return new TaskCompletionSource().Task;
    }
}
