using WriteBehind.TestTools;

namespace WriteBehind.Tests.Children;

/// <summary>
/// The entry point of this assembly when it runs as a child process: the first argument names the <see cref="IChildProgram"/>.
/// </summary>
internal static class Program
{
    /// <summary>Starts a child program as a process.</summary>
    public static ChildProcess Start<TProgram>(params IEnumerable<string> arguments)
        where TProgram : IChildProgram, new()
        => ChildProcess.StartDotnet(typeof(Program).Assembly.Location, [typeof(TProgram).FullName!, .. arguments]);

    private static Task Main(string[] arguments)
    {
        var type = typeof(Program).Assembly.GetType(arguments[0], throwOnError: true)!;
        return ((IChildProgram)Activator.CreateInstance(type)!).RunAsync(arguments[1..]);
    }
}
