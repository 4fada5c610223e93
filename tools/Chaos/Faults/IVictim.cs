using Chaos.Checks;

namespace Chaos.Faults;

/// <summary>A process that things happen to, through all its lives.</summary>
internal interface IVictim : IAsyncDisposable
{
    string Name { get; }

    /// <summary>Its process id; null where it does not run.</summary>
    int? Id { get; }

    /// <summary>The stops that it was asked for.</summary>
    IReadOnlyList<ProcessStop> Stops { get; }

    /// <summary>What it wrote.</summary>
    IReadOnlyList<string> Log { get; }

    /// <summary>Starts it; returns once it takes calls.</summary>
    Task StartAsync();

    /// <summary>Kills it (SIGKILL).</summary>
    Task KillAsync();

    /// <summary>Asks it to stop (SIGTERM), and waits until it has.</summary>
    Task StopAsync();

    /// <summary>Stops it in its tracks (SIGSTOP).</summary>
    void Freeze();

    /// <summary>Lets it go on. One that ends for having slept is started again.</summary>
    Task ThawAsync();
}

/// <summary>What is written to while things go wrong, and how that is judged.</summary>
internal interface ISubject : IAsyncDisposable
{
    IReadOnlyList<IVictim> Victims { get; }

    /// <summary>The tables that it writes.</summary>
    IReadOnlyList<string> Tables { get; }

    /// <summary>How long a stop may take.</summary>
    TimeSpan LongestStop { get; }

    /// <summary>Starts the processes, and the calls.</summary>
    Task StartAsync();

    /// <summary>Ends the calls, and nothing else.</summary>
    Task EndLoadAsync();

    /// <summary>What it says waits; null where it can't say.</summary>
    Task<Left?> StatusAsync();

    /// <summary>Judges what callers were told.</summary>
    /// <param name="folder">Where the histories are.</param>
    /// <param name="letters">The dead letters.</param>
    Task<(IReadOnlyList<Histories.Event> Calls, List<Finding> Findings)> JudgeAsync(string folder, IReadOnlyList<string> letters);
}

/// <summary>What waits in the end.</summary>
/// <param name="Dirty">How many entities are not flushed.</param>
/// <param name="Letters">The dead letters, each as type and id.</param>
internal sealed record Left(long Dirty, IReadOnlyList<string> Letters);
