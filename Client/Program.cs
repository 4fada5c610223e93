using System.CommandLine;
using Client.Commands;
using Proof.Options;

var command = new RootCommand(
    "Talks to the cluster. WRITEBEHIND_REDIS names the Redis in which its silos meet, WRITEBEHIND_CLUSTER_ID and WRITEBEHIND_SERVICE_ID " +
    "the cluster (default writebehind). Exit code: 0 done, 1 failed, refused or different, 2 a wrong option or setting, " +
    "3 no silo answers, 130 interrupted.")
{
    ClusterCommands.Timeout,
};
Command[] parts =
[
    .. EntityCommands.All(),
    .. RunCommands.All(),
    .. OperatorCommands.All(),
    .. FlushCommands.All(),
    .. RemoteCommands.All(),
    VerifyCommand.Make(),
];
foreach (var part in parts)
{
    command.Add(part);
}

return await CommandLine.RunAsync(command, args);
