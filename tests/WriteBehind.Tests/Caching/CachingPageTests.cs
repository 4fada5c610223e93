using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using WriteBehind.Caching;
using WriteBehind.EntityFrameworkCore;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching;

public sealed class CachingPageTests
{
    [Fact]
    public async Task The_examples_do_what_they_say()
    {
        await using var redis = await RedisServer.StartAsync();
        var postgres = await SharedServers.CreateDatabaseAsync();
        await new ItemTable(postgres).CreateAsync();
        await using (var context = new ItemContext(new DbContextOptionsBuilder<ItemContext>().UseNpgsql(postgres).Options))
        {
            await context.Database.ExecuteSqlRawAsync(CacheInvalidationSql.Create<Reading>(context.Model, "readings"));
        }

        await CachingPage.RunAsync(redis.Configuration, postgres);
    }

    [Fact]
    public async Task The_page_shows_the_examples_word_for_word()
    {
        var source = await File.ReadAllTextAsync(PathOf("CachingPage.cs"));
        var page = await File.ReadAllTextAsync(PathOf("../../../docs/caching.md"));
        foreach (Match match in Regex.Matches(source, "// <(register|use)>\n(.*?)\n *// </", RegexOptions.Singleline))
        {
            var example = string.Join('\n', match.Groups[2].Value.Split('\n').Select(static line => line.Length > 8 ? line[8..] : line));
            Assert.Contains($"```csharp\n{example.TrimEnd()}\n```", page, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_page_names_every_setting_and_every_instrument()
    {
        var page = await File.ReadAllTextAsync(PathOf("../../../docs/caching.md"));
        var settings = typeof(CacheOptions).GetProperties().Concat(typeof(ReadThroughOptions<Reading>).GetProperties())
            .Select(static property => property.Name);
        Assert.All(
            settings.Where(static setting => setting != "Name"),
            setting => Assert.Contains($"`{setting}`", page, StringComparison.Ordinal));
        var instruments = typeof(CacheDiagnostics).GetFields().Select(static field => (string)field.GetRawConstantValue()!);
        Assert.All(instruments, instrument => Assert.Contains($"`{instrument}`", page, StringComparison.Ordinal));
    }

    private static string PathOf(string file, [CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, file);
}
