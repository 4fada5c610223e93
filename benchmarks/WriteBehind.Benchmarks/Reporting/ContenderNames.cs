namespace WriteBehind.Benchmarks.Reporting;

public static class ContenderNames
{
    /// <summary>What the tables call this project; a variant of it begins so.</summary>
    public const string Own = "this project";
}
