using System.Globalization;
using WriteBehind.Tests.Children;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Harness;

/// <summary>Starts a Redis and a frozen PostgreSQL, says their ports and waits to be killed.</summary>
internal sealed class ServerHolder : IChildProgram
{
    public async Task RunAsync(IReadOnlyList<string> arguments)
    {
        var redis = await RedisServer.StartAsync();
        var postgres = await PostgresServer.StartAsync(new() { Fsync = false });
        await postgres.FreezeAsync();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ports {redis.Port} {postgres.Port}"));
        await new TaskCompletionSource().Task;
    }
}
