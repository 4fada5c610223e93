using System.Globalization;
using System.Net;
using Client.Load;
using WriteBehind.TestTools;

namespace Silo.Testing;

/// <summary>A silo as a process of its own.</summary>
public sealed class SiloProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(120);

    private SiloProcess(ChildProcess process, Uri address)
    {
        Process = process;
        Http = new HttpClient { BaseAddress = address };
    }

    public ChildProcess Process { get; }

    public HttpClient Http { get; }

    /// <summary>Starts the process. It may not answer yet.</summary>
    public static ChildProcess Launch(ServiceServers servers, IReadOnlyDictionary<string, string?>? settings = null)
    {
        var ports = LoopbackPorts.Find(2);
        var environment = new Dictionary<string, string?>(servers.Environment)
        {
            ["WRITEBEHIND_ADDRESS"] = "127.0.0.1",
            ["WRITEBEHIND_SILO_PORT"] = ports[0].ToString(CultureInfo.InvariantCulture),
            ["WRITEBEHIND_GATEWAY_PORT"] = ports[1].ToString(CultureInfo.InvariantCulture),

            // A machine that is busy is no database that is away.
            ["WriteBehind__LoadTimeout"] = "00:01:00",
        };
        foreach (var (name, value) in settings ?? new Dictionary<string, string?>())
        {
            environment[name] = value;
        }

        return ChildProcess.Start(
            "dotnet", [Programs.Silo, "--urls", "http://127.0.0.1:0"], environment, Path.GetDirectoryName(Programs.Silo));
    }

    /// <summary>Starts it and waits until it takes work.</summary>
    public static async Task<SiloProcess> StartAsync(ServiceServers servers, IReadOnlyDictionary<string, string?>? settings = null)
    {
        const string Prefix = "Now listening on: ";
        var process = Launch(servers, settings);
        var line = await process.WaitForLineAsync(line => line.Contains(Prefix, StringComparison.Ordinal), StartTime);
        var silo = new SiloProcess(process, new Uri(line.Split(Prefix)[1]));
        await Eventually.TrueAsync(async () => (await silo.Http.GetAsync("/health/ready")).StatusCode == HttpStatusCode.OK, StartTime);
        return silo;
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Process.DisposeAsync();
    }
}
