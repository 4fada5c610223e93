namespace WriteBehind.Benchmarks.Reporting;

/// <summary>Brings results into the documents, between two marks in each.</summary>
internal static class Documents
{
    private const string Begin = "<!-- benchmarks: written by ./bench.sh --readme -->";
    private const string End = "<!-- end of benchmarks -->";

    public static async Task<int> UpdateAsync(FileInfo file)
    {
        var report = await Report.LoadAsync(file);
        return await UpdateAsync("README.md", Headlines.Of(report)) && await UpdateAsync("docs/performance.md", FullTables.Of(report))
            ? 0
            : 1;
    }

    private static async Task<bool> UpdateAsync(string path, string content)
    {
        var text = await File.ReadAllTextAsync(path);
        var (from, to) = (text.IndexOf(Begin, StringComparison.Ordinal), text.IndexOf(End, StringComparison.Ordinal));
        if (from < 0 || to < from)
        {
            await Console.Error.WriteLineAsync($"{path} lacks the marks '{Begin}' and '{End}'.");
            return false;
        }

        await File.WriteAllTextAsync(path, $"{text[..from]}{Begin}\n{content}{text[to..]}");
        Console.WriteLine($"{path} is up to date.");
        return true;
    }
}
