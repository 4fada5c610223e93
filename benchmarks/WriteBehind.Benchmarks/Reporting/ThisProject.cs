namespace WriteBehind.Benchmarks.Reporting;

public static class ThisProject
{
    /// <summary>What the tables call this project; a variant of it begins so.</summary>
    public const string Name = "this project";
}
