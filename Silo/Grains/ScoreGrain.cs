using Orleans.WriteBehind;
using Silo.Boards;
using Silo.Contracts;
using Silo.Data;
using WriteBehind;

namespace Silo.Grains;

/// <summary>The live score of a player in a game.</summary>
internal sealed class ScoreGrain(Leaderboard board) : WriteBehindGrain<PlayerScore>, IScoreGrain
{
    public Task<Score?> GetAsync() => Task.FromResult(Exists ? Current() : null);

    public async Task<Score> AddAsync(long points)
    {
        State = Amounts.Checked(() => State.Add(points), points);
        await SaveAsync();
        return Current();
    }

    public Task RemoveAsync() => Exists ? DeleteAsync() : Task.CompletedTask;

    public async Task DisqualifyAsync()
    {
        // Boards are made from the rows: first the row has to go, then the board that was made with it. Also where there is no score (any
        // more), as this may be a second try after Redis could not be told to forget the board.
        if (Exists)
        {
            await DeleteAsync(WriteStrategy.Through);
        }

        try
        {
            await board.ForgetAsync(this.GetPrimaryKeyLong(out _));
        }
        catch (BufferUnavailableException e)
        {
            // Its own words are of the board alone ("nothing was written"), and would be taken for the whole call's.
            throw new BufferUnavailableException(
                "The score is deleted, but the boards that show it may do so a few seconds longer. Repeat the call to have them made " +
                $"anew at once. {e.InnerException?.Message ?? e.Message}",
                outcomeUnknown: true,
                cause: e);
        }
    }

    protected override PlayerScore CreateState() => new(0, 0);

    private Score Current() => new(State.Points, State.Best, Version);
}
