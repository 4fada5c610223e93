using Silo.Tests.Support;
using WriteBehind.TestTools;

namespace Silo.Tests;

public sealed class DeadLetterTests(OneSilo silo) : IClassFixture<OneSilo>
{
    [Fact]
    public async Task What_postgres_rejects_is_listed_shown_mended_and_retried_or_discarded()
    {
        await silo.Servers.ExecuteAsync("ALTER TABLE shop.stock ADD CONSTRAINT not_negative CHECK (quantity >= 0)");
        foreach (var id in (string[])["debt", "junk"])
        {
            await ClientProcess.AskAsync(silo.Servers, "stock", "book", id, "-5");
        }

        await Eventually.TrueAsync(
            async () => (await ClientProcess.AskAsync(silo.Servers, "dead", "list", "stock"))
                .GetProperty("total").GetInt32() == 2,
            TimeSpan.FromMinutes(2));

        var shown = await ClientProcess.AskAsync(silo.Servers, "dead", "show", "stock", "debt");
        Assert.Contains("not_negative", shown.GetProperty("letter").GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Contains("-5", shown.GetProperty("state").GetRawText(), StringComparison.Ordinal);

        var (refused, question) = await ClientProcess.RunAsync(silo.Servers, "dead", "discard", "stock", "junk");
        Assert.Equal(2, refused);
        Assert.Contains("Discard the dead letter of stock 'junk' and its state for good?", question, StringComparison.Ordinal);
        var discarded = await ClientProcess.AskAsync(silo.Servers, "dead", "discard", "stock", "junk", "--yes");
        Assert.Equal(1, discarded.GetProperty("count").GetInt64());
        await silo.Servers.ExecuteAsync("ALTER TABLE shop.stock DROP CONSTRAINT not_negative");
        Assert.Equal(1, (await ClientProcess.AskAsync(silo.Servers, "dead", "retry", "stock", "--all")).GetProperty("count").GetInt64());
        await ClientProcess.AskAsync(silo.Servers, "drain");
        Assert.Equal(-5L, await silo.Servers.QueryAsync("SELECT quantity FROM shop.stock WHERE id = 'debt'"));
        Assert.Null(await silo.Servers.QueryAsync("SELECT quantity FROM shop.stock WHERE id = 'junk'"));
        Assert.Equal(1, (await ClientProcess.RunAsync(silo.Servers, "dead", "show", "stock", "debt")).Code);
    }
}
