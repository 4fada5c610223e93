using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using WriteBehind.Tests.Children;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Crash;

/// <summary>
/// A service with many dirty entities that no timer will flush soon; it stops as its host stops at SIGTERM, within the drain time-out that
/// its fourth argument says.
/// </summary>
internal sealed class FullService : IChildProgram
{
    public const int Entities = 10_000;

    public async Task RunAsync(IReadOnlyList<string> arguments)
    {
        var drain = TimeSpan.Parse(arguments[3], CultureInfo.InvariantCulture);
        await using var engine = await TestEngine.StartAsync(ChildEngine.OptionsFrom(arguments) with
        {
            Engine = engine => engine.DrainTimeout = drain,
            Item = static item => (item.FlushDelay, item.MaxAge) = (TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1)),
            Sweep = true,
        });
        await Task.WhenAll(Enumerable.Range(0, Entities).Select(i => engine.Items.SetAsync(IdOf(i), new Item(i))));
        var stopping = new TaskCompletionSource();
        engine.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(stopping.SetResult);
        Console.WriteLine("full");
        await stopping.Task;
        var started = Stopwatch.GetTimestamp();
        await engine.StopAsync();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"stopped {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0}"));
    }

    public static string IdOf(int i) => i.ToString(CultureInfo.InvariantCulture);
}
