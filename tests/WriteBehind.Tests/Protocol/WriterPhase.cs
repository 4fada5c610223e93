namespace WriteBehind.Tests.Protocol;

internal enum WriterPhase : byte
{
    /// <summary>It has to load before it can write.</summary>
    Ignorant,

    /// <summary>Redis had no state (it may have had a fence); the database is to be asked. The knowledge ages from here on.</summary>
    Looking,

    /// <summary>It knows a version.</summary>
    Knowing,

    /// <summary>It sent a write on top of that version, and no answer came.</summary>
    Unsure,

    /// <summary>It sent a write on top of whatever is there, and no answer came.</summary>
    BlindlyUnsure,
}
