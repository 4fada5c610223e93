using Chaos.Histories;

namespace Chaos.Silos;

/// <summary>A way to call the grains.</summary>
internal interface ICaller
{
    /// <summary>Restocks a product, or counts views of a page.</summary>
    /// <param name="random">Draws the silo, where the caller has the choice.</param>
    /// <param name="type">Which of both: <c>stock</c> or <c>views</c>.</param>
    /// <param name="key">Of which entity.</param>
    /// <param name="amount">How many.</param>
    /// <param name="operation">The call's operation id; null for none.</param>
    /// <returns>How many movements there are then, or how many views.</returns>
    Task<string> AddAsync(Random random, string type, string key, int amount, string? operation);

    /// <summary>The same, read; 0 where there is nothing.</summary>
    Task<string> ReadAsync(Random random, string type, string key);

    /// <summary>What callers may take an error for.</summary>
    Outcome OutcomeOf(Exception error);

    /// <summary>Whether callers may get an error at all.</summary>
    bool IsExpected(Exception error);

    /// <summary>
    /// Whether nobody can tell any more whether an operation counted, and will not the next time (docs/operations-once.md).
    /// </summary>
    bool IsForgotten(Exception error);
}
