namespace WriteBehind.Tests.Support;

/// <summary>
/// The collection of tests that measure the process or the machine: memory, lag, how a load is spread. They run one after the other,
/// after all others, so that what they measure is their own.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
