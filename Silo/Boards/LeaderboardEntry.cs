namespace Silo.Boards;

/// <summary>A player's place on a board; the places are in order.</summary>
internal sealed record LeaderboardEntry(string Player, long Points);
