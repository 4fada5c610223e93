namespace WriteBehind.Tests.Protocol;

internal enum WriterPhase : byte
{
    /// <summary>It has to load before it can write.</summary>
    Ignorant,

    /// <summary>Redis had no state (it may have had a fence); the database is to be asked. The knowledge ages from here on.</summary>
    Looking,

    /// <summary>The same where Redis had a dirty state of before it went back: the row counts if it is newer.</summary>
    LookingBeyond,

    /// <summary>It knows a version.</summary>
    Knowing,

    /// <summary>It was told a version and is to write only if that is the current one, which has to be looked up first.</summary>
    Remembering,

    /// <summary>As <see cref="Looking"/>, to compare the version found with the one that it remembers.</summary>
    Comparing,

    /// <summary>It sent a write on top of that version, and no answer came.</summary>
    Unsure,

    /// <summary>It sent a write on top of whatever is there, and no answer came.</summary>
    BlindlyUnsure,
}
