namespace WriteBehind.Tests.ModelBased;

/// <summary>How much time passes.</summary>
public enum Interval
{
    /// <summary>Less than anything lasts.</summary>
    Moment,

    /// <summary>A little longer than a lease.</summary>
    Lease,

    /// <summary>A little longer than a fence.</summary>
    Fence,

    /// <summary>Longer than the fence of a tombstone.</summary>
    Day,
}
