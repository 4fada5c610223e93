using System.Globalization;
using WriteBehind.Tests.Children;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Crash;

/// <summary>Owns some entities and counts them up, round after round, until it is killed. It sweeps.</summary>
internal sealed class TirelessWriter : IChildProgram
{
    public const int Entities = 100;

    public async Task RunAsync(IReadOnlyList<string> arguments)
    {
        await using var engine = await TestEngine.StartAsync(
            ChildEngine.OptionsFrom(arguments) with { Sweep = true, Item = KillAtEachStepTests.ShortLease });
        var first = long.Parse(arguments[3], CultureInfo.InvariantCulture);
        for (var quantity = first; ; quantity++)
        {
            for (var i = 0; i < Entities; i++)
            {
                await ChildEngine.WriteAsync(engine.Items, i.ToString(CultureInfo.InvariantCulture), quantity);
            }

            Console.WriteLine("round");
        }
    }
}
