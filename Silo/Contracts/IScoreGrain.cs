using Orleans.WriteBehind;

namespace Silo.Contracts;

/// <summary>The live score of one player in one game; its key is the game's number and the player.</summary>
[Alias("silo.score")]
public interface IScoreGrain : IGrainWithIntegerCompoundKey
{
    /// <summary>The acknowledged score; null where there is none.</summary>
    [Alias("get")]
    Task<Score?> GetAsync();

    /// <summary>Adds points, or takes some with a negative number. How often is limited per score.</summary>
    /// <exception cref="InvalidAmountException">More than can be counted.</exception>
    /// <exception cref="WriteBehind.RateLimits.RateLimitedException">Too often within the limit's window; nothing was added.</exception>
    [Alias("add")]
    [RateLimited("score")]
    Task<Score> AddAsync(long points);

    /// <summary>Deletes the score.</summary>
    [Alias("remove")]
    Task RemoveAsync();

    /// <summary>
    /// Deletes the score of a cheat. When it returns, PostgreSQL does not have it any more, and boards are made anew without it: for who
    /// asks the silo of the score at once, on the other silos when they hear of it, some milliseconds later (a few seconds where that
    /// message gets lost).
    /// </summary>
    /// <exception cref="WriteBehind.WriteThroughException">The score is deleted, but not in PostgreSQL yet: boards show it until it is, and
    /// a few seconds longer.</exception>
    /// <exception cref="WriteBehind.BufferUnavailableException">Nothing was deleted; or, with an unknown outcome, the score is deleted and
    /// Redis could not be told to forget the boards.</exception>
    [Alias("disqualify")]
    Task DisqualifyAsync();
}
