using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Readme;

public sealed class ReadmeTests
{
    [Fact]
    public async Task The_example_does_what_it_says()
    {
        await using var redis = await RedisServer.StartAsync();
        var postgres = await SharedServers.CreateDatabaseAsync();
        await using (var context = new ShopContext(new DbContextOptionsBuilder<ShopContext>().UseNpgsql(postgres).Options))
        {
            await context.Database.EnsureCreatedAsync();
        }

        await ReadmeExample.RunAsync(redis.Configuration, postgres);

        await using var connection = new NpgsqlConnection(postgres);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("""SELECT "Quantity" FROM "Stock" WHERE "Sku" = '85123A'""", connection);
        Assert.Equal(94L, await command.ExecuteScalarAsync());
    }

    [Fact]
    public Task The_example_of_a_test_does_what_it_says() => ReadmeExample.TestAsync("127.0.0.1:1");

    [Fact]
    public Task The_example_of_a_test_of_services_does_what_it_says() => ReadmeExample.TestServicesAsync("127.0.0.1:1");

    [Theory]
    [InlineData("README.md", "readme")]
    [InlineData("README.md", "readme:model")]
    [InlineData("src/WriteBehind/README.md", "readme")]
    [InlineData("src/WriteBehind.EntityFrameworkCore/README.md", "readme:model")]
    [InlineData("README.md", "readme:services")]
    [InlineData("src/WriteBehind.Testing/README.md", "readme:testing")]
    [InlineData("src/WriteBehind.Testing/README.md", "readme:services")]
    public async Task The_readme_shows_the_example_word_for_word(string page, string name)
    {
        var source = await File.ReadAllTextAsync(PathOf("ReadmeExample.cs"));
        var readme = await File.ReadAllTextAsync(PathOf("../../../" + page));

        var lines = source.Split($"// <{name}>\n")[1].Split($"// </{name}>")[0].TrimEnd().Split('\n');
        var example = string.Join('\n', lines.Select(line => line.Length > 8 ? line[8..] : line));

        Assert.Contains("```csharp\n" + example + "\n```", readme, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ReadmeExample.cs")]
    [InlineData("../../Orleans.WriteBehind.Tests/Readme/Stock.cs")]
    public async Task The_state_type_that_the_readme_names_is_the_one_of_its_examples(string source)
    {
        const string Type = "record Stock(long Quantity)";
        Assert.Contains($"`Stock` is `{Type}`", await File.ReadAllTextAsync(PathOf("../../../README.md")), StringComparison.Ordinal);
        Assert.Contains($"public sealed {Type};", await File.ReadAllTextAsync(PathOf(source)), StringComparison.Ordinal);
    }

    private static string PathOf(string file, [CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, file);
}
