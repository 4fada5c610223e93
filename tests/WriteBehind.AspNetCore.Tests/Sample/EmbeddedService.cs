using System.Net;
using WriteBehind.TestTools;

namespace WriteBehind.AspNetCore.Tests.Sample;

/// <summary>The sample service as a process of its own.</summary>
internal sealed class EmbeddedService : IAsyncDisposable
{
    private EmbeddedService(ChildProcess process, Uri address)
    {
        Process = process;
        Client = new HttpClient { BaseAddress = address };
    }

    public ChildProcess Process { get; }

    public HttpClient Client { get; }

    /// <summary>Starts the process. It may not answer yet.</summary>
    public static ChildProcess Launch(IReadOnlyDictionary<string, string?> environment) => ChildProcess.Start(
        "dotnet",
        [SamplePaths.Embedded, "--urls", "http://127.0.0.1:0"],
        environment,
        Path.GetDirectoryName(SamplePaths.Embedded));

    /// <summary>Starts it and waits until it takes work.</summary>
    public static Task<EmbeddedService> StartAsync(SampleServers servers) => UpAsync(Launch(servers.Environment));

    /// <summary>Waits until a started process takes work.</summary>
    public static async Task<EmbeddedService> UpAsync(ChildProcess process)
    {
        const string Prefix = "Now listening on: ";
        var line = await process.WaitForLineAsync(line => line.Contains(Prefix, StringComparison.Ordinal), TimeSpan.FromSeconds(90));
        var service = new EmbeddedService(process, new Uri(line.Split(Prefix)[1]));
        await Eventually.TrueAsync(async () => (await service.Client.GetAsync("/health/ready")).StatusCode == HttpStatusCode.OK);
        return service;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Process.DisposeAsync();
    }
}
