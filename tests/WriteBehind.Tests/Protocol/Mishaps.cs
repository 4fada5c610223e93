namespace WriteBehind.Tests.Protocol;

/// <summary>What happens once at most.</summary>
[Flags]
internal enum Mishaps : byte
{
    None = 0,

    /// <summary>Another program raised the row's version.</summary>
    RowRaised = 1,

    /// <summary>A copy of Redis was taken.</summary>
    RedisCopied = 2,

    /// <summary>Redis went back to that copy.</summary>
    RedisWentBack = 4,

    /// <summary>And it was noticed.</summary>
    Noticed = 8,

    /// <summary>The database keeps an older row somewhere.</summary>
    RowCopied = 16,

    /// <summary>The database went back to it.</summary>
    RowWentBack = 32,

    /// <summary>Redis' clock stepped back.</summary>
    ClockWentBack = 64,

    /// <summary>A write was set aside, and it was said.</summary>
    Told = 128,
}
