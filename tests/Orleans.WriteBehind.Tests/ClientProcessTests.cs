using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Hosting;
using PlainClient;
using WriteBehind;
using WriteBehind.TestTools;
using WriteBehind.TestTools.Processes;

namespace Orleans.WriteBehind.Tests;

/// <summary>Errors as they arrive in a client that is a process of its own, over TCP.</summary>
public sealed class ClientProcessTests : IAsyncLifetime
{
    private static readonly WriteBehindException[] Sent =
        [.. ((IEnumerable<object[]>)ErrorTests.Errors).Select(static row => (WriteBehindException)row[0])];

    private readonly int _gateway = FreePort.Next();
    private IHost? _silo;

    public async Task InitializeAsync()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.UseOrleans(silo => silo.UseLocalhostClustering(FreePort.Next(), _gateway));
        _silo = builder.Build();
        await _silo.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _silo!.StopAsync();
        _silo.Dispose();
    }

    [Fact]
    public async Task A_client_with_the_package_of_errors_gets_each_error_as_itself()
    {
        var arrived = await ErrorsOfAsync("TypedClient");

        Assert.Equal(Sent.Length, arrived.Count);
        Assert.All(arrived.Zip(Sent), pair =>
        {
            var (line, sent) = pair;
            var expected = TypedClient.Program.Describe(sent).Split(" <- ");
            var parts = line.Split(" <- ");
            Assert.Equal(expected[0], parts[0]);
            Assert.Equal(expected.Length, parts.Length);
        });
        Assert.Contains(
            arrived, line => line.Contains("RemoteCauseException|too slow|TypeName=System.TimeoutException", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_client_without_it_gets_the_message_of_each_error()
    {
        var arrived = await ErrorsOfAsync("PlainClient");

        Assert.Empty(Directory.EnumerateFiles(Path.GetDirectoryName(PathOf("PlainClient"))!, "*WriteBehind*"));
        Assert.Equal(Sent.Select(error => $"Orleans.Serialization.UnavailableExceptionFallbackException|{error.Message}"), arrived);
    }

    private static string PathOf(string client, [CallerFilePath] string here = "")
    {
        var output = new DirectoryInfo(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        return Path.GetFullPath(Path.Combine(
            Path.GetDirectoryName(here)!, "..", "Clients", client, "bin", output.Parent!.Name, output.Name, client + ".dll"));
    }

    private async Task<IReadOnlyList<string>> ErrorsOfAsync(string client)
    {
        var gateway = _gateway.ToString(CultureInfo.InvariantCulture);
        await using var process = ChildProcess.StartDotnet(PathOf(client), [gateway]);
        await process.WaitForLineAsync(line => line == "end");
        return [.. process.Output.TakeWhile(line => line != "end")];
    }

    public sealed class FailingGrain : Grain, IFailingGrain
    {
        public Task FailAsync(int number) => number < Sent.Length ? throw Sent[number] : Task.CompletedTask;
    }
}
