using System.CommandLine;
using Client.Cluster;
using Client.Output;

namespace Client.Commands;

/// <summary>One call of a command.</summary>
/// <param name="Arguments">Its arguments.</param>
/// <param name="Cluster">The cluster.</param>
/// <param name="Printer">Where its result goes.</param>
/// <param name="Stop">Ctrl-C.</param>
internal sealed record Call(ParseResult Arguments, ClusterConnection Cluster, Printer Printer, CancellationToken Stop)
{
    public IGrainFactory Grains => Cluster.Grains;

    /// <summary>A result that is well, whatever it is.</summary>
    public int Done(object? value, Action<Printer> text)
    {
        Printer.Show(value, text);
        return Proof.ExitCode.Verified;
    }
}
