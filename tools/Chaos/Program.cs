using Chaos;
using Chaos.Mutants;
using Chaos.Silos;
using Chaos.Workers;

// See chaos.sh, which says what it takes and how it ends.
if (args is ["worker", ..])
{
    return await WorkerProgram.RunAsync(args);
}

if (args is ["client", ..])
{
    return await ClientProgram.RunAsync(args);
}

try
{
    var arguments = ChaosArguments.Parse(args);
    if (arguments.IsOfMutants)
    {
        return await MutantRuns.RunAllAsync(arguments);
    }

    if (arguments.Mutant is { } mutant)
    {
        if (!MutantBuild.IsThis)
        {
            return await MutantRuns.RunAsync(arguments, args);
        }

        MutantBuild.SwitchOn(mutant);
    }

    return await ChaosProgram.RunAsync(arguments);
}
catch (UsageException e)
{
    Console.Error.WriteLine($"{e.Message} See ./chaos.sh --help.");
    return 2;
}
