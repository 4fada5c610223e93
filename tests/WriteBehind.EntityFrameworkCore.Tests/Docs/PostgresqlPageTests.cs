using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.EntityFrameworkCore.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.EntityFrameworkCore.Tests.Docs;

public sealed class PostgresqlPageTests
{
    [Fact]
    public async Task The_examples_do_what_they_say()
    {
        var services = new ServiceCollection();
        PostgresqlPage.Register(services, "localhost", await SharedServers.CreateDatabaseAsync());
        await using var provider = services.BuildServiceProvider();
        await using (var scope = provider.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<PostgresqlPage.ShopContext>().Database.EnsureCreatedAsync();
        }

        var factory = provider.GetRequiredService<IEntitySinkFactory>();
        var stock = factory.Create(new EntityTypeOptions<PostgresqlPage.Stock>("stock"));
        var basket = factory.Create(new EntityTypeOptions<PostgresqlPage.Basket>("basket"));
        await stock.PutAsync("7", 1, new PostgresqlPage.Stock { Quantity = 3 });
        await basket.PutAsync("anna", 1, new PostgresqlPage.Basket(["7"]));

        Assert.Equal(3, Assert.NotNull(await stock.FindAsync("7")).State.Quantity);
        Assert.Equal(["7"], Assert.NotNull(await basket.FindAsync("anna")).State.Items);
        Assert.Contains("\"Stock\"", stock.Description, StringComparison.Ordinal);
        Assert.Contains("write_behind_documents", basket.Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_page_shows_the_examples_word_for_word()
    {
        var source = await File.ReadAllTextAsync(PathOf("PostgresqlPage.cs"));
        var page = await File.ReadAllTextAsync(PathOf("../../../docs/postgresql.md"));
        var examples = source.Split("// <example>\n").Skip(1).Select(rest => rest.Split("// </example>")[0].TrimEnd()).ToList();

        Assert.Equal(2, examples.Count);
        Assert.All(examples, example => Assert.Contains("```csharp\n" + Outdent(example) + "\n```", page, StringComparison.Ordinal));
    }

    private static string Outdent(string text)
    {
        var lines = text.Split('\n');
        var indent = lines[0].Length - lines[0].TrimStart().Length;
        return string.Join('\n', lines.Select(line => line.Length > indent ? line[indent..] : line));
    }

    private static string PathOf(string file, [CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, file);
}
