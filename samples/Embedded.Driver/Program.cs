using System.CommandLine;
using Embedded.Driver;
using Proof;
using Proof.Options;

var command = new RootCommand(
    "Starts samples/Embedded, moves its stock from many callers at once, and proves that PostgreSQL ends up with exactly what was " +
    "acknowledged. Redis and PostgreSQL are named by WRITEBEHIND_REDIS and WRITEBEHIND_POSTGRES (./run.sh starts private ones). " +
    "Exit code: 0 verified, 1 a difference or a failed run, 2 a wrong option or input, 130 interrupted.");
foreach (var option in ProofArguments.All)
{
    command.Add(option);
}

command.SetAction((parsed, cancellationToken) =>
{
    var options = ProofArguments.Read(parsed);
    options = options with { Service = options.Service ?? BuiltBeside.Find("samples/Embedded.Driver", "samples/Embedded", "Embedded.dll") };
    return ProofSession.RunAsync(options, setup => new EmbeddedSubject(setup), cancellationToken);
});
return await CommandLine.RunAsync(command, args);
