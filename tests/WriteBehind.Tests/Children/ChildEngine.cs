using System.Globalization;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Children;

/// <summary>How child programs are told which service they are a process of, and how they say what was acknowledged.</summary>
internal static class ChildEngine
{
    /// <summary>The arguments that <see cref="OptionsFrom"/> reads.</summary>
    public static string[] Arguments(TestEngineOptions options) => [options.Redis!, options.Postgres!, options.Prefix!];

    /// <summary>The service, from a child's first three arguments.</summary>
    public static TestEngineOptions OptionsFrom(IReadOnlyList<string> arguments)
        => new() { Redis = arguments[0], Postgres = arguments[1], Prefix = arguments[2] };

    /// <summary>Starts a child program as another process of the engine's service.</summary>
    public static ChildProcess Start<TProgram>(TestEngineOptions options, params IEnumerable<string> arguments)
        where TProgram : IChildProgram, new()
        => Program.Start<TProgram>([.. Arguments(options), .. arguments]);

    /// <summary>Writes and says so: before, and once it is acknowledged.</summary>
    public static async Task WriteAsync(IEntityStore<Item> items, string id, long quantity)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"try {id} {quantity}"));
        await items.SetAsync(id, new Item(quantity));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ack {id} {quantity}"));
    }
}
