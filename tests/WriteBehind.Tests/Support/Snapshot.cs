using System.Runtime.CompilerServices;

namespace WriteBehind.Tests.Support;

/// <summary>
/// Committed files that say what is stored. A test that differs from its file has changed the stored format: what the last release left
/// in Redis may not be read any more. Where that is meant, raise the layout or schema version it belongs to, run the tests once with
/// <c>WRITEBEHIND_UPDATE_SNAPSHOTS=1</c>, and look at the difference before committing it.
/// </summary>
internal static class Snapshot
{
    private const string Update = "WRITEBEHIND_UPDATE_SNAPSHOTS";

    /// <summary>The committed text.</summary>
    public static string Read(string name)
        => File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Snapshots", name)).ReplaceLineEndings("\n");

    /// <summary>Compares with the committed file.</summary>
    public static void Verify(string name, string actual, [CallerFilePath] string caller = "")
    {
        if (Environment.GetEnvironmentVariable(Update) == "1")
        {
            var file = Path.Combine(Path.GetDirectoryName(caller)!, "..", "Snapshots", name);
            File.WriteAllText(file, actual);
            Assert.Fail($"{name} is written anew. Look at the difference, then run the test without {Update}.");
        }

        var expected = Read(name);
        if (expected != actual)
        {
            Assert.Fail(
                $"The stored format differs from Snapshots/{name}. Where that is meant: {Update}=1 and see {nameof(Snapshot)}.\n"
                    + FirstDifference(expected, actual));
        }
    }

    /// <summary>Text with everything that is not plain ASCII as escapes.</summary>
    public static string Escape(string text)
        => string.Concat(text.Select(static c => c is > ' ' and < '\x7f' and not '\\' ? $"{c}" : $"\\u{(int)c:x4}"));

    private static string FirstDifference(string expected, string actual)
    {
        var (old, now) = (expected.Split('\n'), actual.Split('\n'));
        var line = Enumerable.Range(0, Math.Max(old.Length, now.Length)).First(i => old.ElementAtOrDefault(i) != now.ElementAtOrDefault(i));
        return $"Line {line + 1}, committed: {old.ElementAtOrDefault(line)}\nLine {line + 1}, now:       {now.ElementAtOrDefault(line)}";
    }
}
