namespace WriteBehind.Tests.Support;

/// <summary>
/// A state as careless applications have it: altered in place, all instances equal to each other, and with a number that JSON may have
/// no word for (NaN).
/// </summary>
public sealed class Reading
{
    public long Count { get; set; }

    public double Value { get; set; }

    public override bool Equals(object? obj) => obj is Reading;

    public override int GetHashCode() => 0;
}
