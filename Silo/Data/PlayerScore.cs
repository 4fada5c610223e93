namespace Silo.Data;

/// <summary>The state of a player's score in a game. Its key, game and player, is not part of it.</summary>
public sealed record PlayerScore(long Points, long Best)
{
    /// <summary>The score with more points, or fewer.</summary>
    /// <exception cref="OverflowException">The points would no longer fit.</exception>
    public PlayerScore Add(long points)
    {
        var sum = checked(Points + points);
        return new(sum, Math.Max(Best, sum));
    }
}
