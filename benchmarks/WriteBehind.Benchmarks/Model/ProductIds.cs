namespace WriteBehind.Benchmarks.Model;

public static class ProductIds
{
    public static string[] Create(int count, string prefix = "product")
        => [.. Enumerable.Range(0, count).Select(i => $"{prefix}-{i:D7}")];
}
