namespace WriteBehind.Tests.ModelBased;

/// <summary>What may happen next.</summary>
public enum Move
{
    /// <summary>A process puts a state on top of whatever is there.</summary>
    Set,

    /// <summary>A process puts a state where the version is still the one it saw last.</summary>
    SetIf,

    /// <summary>A process changes the state with a function.</summary>
    Update,

    /// <summary>A process deletes.</summary>
    Delete,

    /// <summary>A process reads, and fills the cache where the type keeps clean entries.</summary>
    Get,

    /// <summary>A process flushes one entity, from beginning to end.</summary>
    Flush,

    /// <summary>A process sweeps, from beginning to end.</summary>
    Sweep,

    /// <summary>An owner loads and keeps what it learned for later. Held up, the next load of this owner goes on with it.</summary>
    Load,

    /// <summary>An owner puts a state on top of what it knows, however old that is; or sends a write of unknown outcome again.</summary>
    OwnerPuts,

    /// <summary>The same with a delete.</summary>
    OwnerDeletes,

    /// <summary>An owner fills the cache with what it knows.</summary>
    Fill,

    /// <summary>A flusher begins to flush one entity, or goes on to its next step.</summary>
    FlushStep,

    /// <summary>A flusher begins to sweep, or goes on to its next step.</summary>
    SweepStep,

    /// <summary>A flusher's process dies; another takes its place.</summary>
    Crash,

    /// <summary>Something that was held up on its way to Redis or PostgreSQL arrives.</summary>
    Arrive,

    /// <summary>Time passes.</summary>
    Wait,

    /// <summary>Redis comes back empty, while no flush is under way.</summary>
    Wipe,
}
