using System.Globalization;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace PlainClient;

/// <summary>Calls the failing grain and writes what arrives: a line for each error, and "end".</summary>
public static class Program
{
    public static Task Main(string[] args) => RunAsync(args, static error => $"{error.GetType().FullName}|{error.Message}");

    /// <param name="args">The port of the silo's gateway.</param>
    /// <param name="describe">What is written of an error.</param>
    public static async Task RunAsync(string[] args, Func<Exception, string> describe)
    {
        ArgumentNullException.ThrowIfNull(args);
        ArgumentNullException.ThrowIfNull(describe);
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        builder.UseOrleansClient(client => client
            .UseStaticClustering(new IPEndPoint(IPAddress.Loopback, int.Parse(args[0], CultureInfo.InvariantCulture)))
            .UseConnectionRetryFilter(static (_, token) => Task.FromResult(!token.IsCancellationRequested)));
        using var host = builder.Build();
        await host.StartAsync();
        var grain = host.Services.GetRequiredService<IGrainFactory>().GetGrain<IFailingGrain>(0);
        for (var number = 0; await ErrorOfAsync(grain.FailAsync(number)) is { } error; number++)
        {
            Console.WriteLine(describe(error));
        }

        Console.WriteLine("end");
        await host.StopAsync();
    }

    private static async Task<Exception?> ErrorOfAsync(Task call)
    {
        try
        {
            await call;
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }
}
