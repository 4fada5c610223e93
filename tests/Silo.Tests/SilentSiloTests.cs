using Client.Cluster;
using Silo.Testing;
using Silo.Tests.Support;
using StackExchange.Redis;
using WriteBehind.TestTools;

namespace Silo.Tests;

public sealed class SilentSiloTests(ServiceServers servers) : IClassFixture<ServiceServers>
{
    // However often it has to be looked at: nobody declares the silo dead meanwhile.
    private static readonly Dictionary<string, string?> Patient = new() { ["Silo__Membership__NumMissedProbesLimit"] = "1000" };

    [Fact]
    public async Task A_silo_that_hangs_does_not_just_vanish_from_the_status()
    {
        // The client is connected through the first silo before there is another, so that its calls do not go to the one that hangs.
        await using var first = await SiloProcess.StartAsync(servers, Patient);
        await using var cluster = await ClusterConnection.OpenAsync(
            new(ConfigurationOptions.Parse(
                servers.Environment["WRITEBEHIND_REDIS"]!), "writebehind", "writebehind", "wb", TimeSpan.FromSeconds(30)),
            CancellationToken.None);
        Assert.DoesNotContain((await cluster.Operator.GetStatusAsync()).Warnings, IsOfSilo);

        await using var second = await SiloProcess.StartAsync(servers, Patient);
        await Eventually.TrueAsync(async () => (await cluster.Operator.GetStatusAsync()).Silos.Count == 2, ClientProcess.Patience);
        second.Process.Freeze();
        try
        {
            // The call may go by way of the silo that is frozen, and fail.
            await Eventually.TrueAsync(
                async () => await cluster.Operator.GetStatusAsync() is var report && report.Silos.Count == 1
                    && report.Warnings.Count(IsOfSilo) == 1,
                ClientProcess.Patience);
        }
        finally
        {
            second.Process.Thaw();
        }
    }

    private static bool IsOfSilo(string warning) => warning.Contains("does not answer, and is not declared dead", StringComparison.Ordinal);
}
