using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>States without a table of their own.</summary>
public sealed class DocumentTests(Database database) : IClassFixture<Database>
{
    [Fact]
    public async Task A_state_that_is_not_mapped_goes_to_the_generic_table()
    {
        var sink = database.Sink<Game>("chess");
        var id = "any text at all: {é} 😀 | \\ '\"\n" + new string('x', 400);
        var state = new Game("Die \"Unsterbliche\" ♔", 1, ["Anderssen", "Kieseritzky"]);

        await sink.PutAsync(id, 12, state);
        var row = Assert.NotNull(await sink.FindAsync(id));

        Assert.Equal((id, 12), (row.Id, row.Version));
        Assert.Equivalent(state, row.State, strict: true);
        Assert.Contains("write_behind_documents", sink.Description, StringComparison.Ordinal);
        Assert.Contains("Game is not mapped", sink.Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Types_in_the_generic_table_do_not_see_each_other()
    {
        await database.Sink<Game>("go").PutAsync("same", 1, new Game("go", 1, []));
        await database.Sink<Game>("draughts").PutAsync("same", 5, new Game("draughts", 1, []));
        await database.Sink<Game>("draughts").DeleteAsync("same", 6);

        Assert.Equal("go", Assert.NotNull(await database.Sink<Game>("go").FindAsync("same")).State.Title);
        Assert.Null(await database.Sink<Game>("draughts").FindAsync("same"));
    }

    [Fact]
    public async Task The_time_of_the_last_flush_stands_beside_the_state_and_can_be_queried()
    {
        await database.Sink<Game>("timed").PutAsync("a", 1, new Game("first", 41, []));
        var first = await DocumentAsync("timed");
        await database.Sink<Game>("timed").PutAsync("a", 2, new Game("second", 42, []));
        var second = await DocumentAsync("timed");

        Assert.True(second.UpdatedAt > first.UpdatedAt);
        Assert.Equal(42, JsonDocument.Parse(second.State).RootElement.GetProperty("Score").GetInt32());
    }

    [Fact]
    public async Task The_application_s_own_JSON_is_what_is_stored()
    {
        var options = new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
        var sink = database.Host.Sink<Game>("snake", type => type.Serializer = new JsonStateSerializer<Game>(options));
        await sink.PutAsync("a", 1, new Game("named", 1, []));

        Assert.Contains("\"title\"", (await DocumentAsync("snake")).State, StringComparison.Ordinal);
        Assert.Equal("named", Assert.NotNull(await sink.FindAsync("a")).State.Title);
    }

    [Fact]
    public async Task A_serializer_of_another_format_leaves_the_table_to_plain_JSON()
    {
        var sink = database.Host.Sink<Game>("binary", type => type.Serializer = new TitleSerializer());
        await sink.PutAsync("a", 1, new Game("plain", 7, []));
        Assert.Equal(7, Assert.NotNull(await sink.FindAsync("a")).State.Score);
    }

    [Fact]
    public async Task A_stored_state_that_is_none_is_named()
    {
        await database.Host.ExecuteAsync("INSERT INTO write_behind_documents VALUES ('broken', 'x', 1, '[1]')");
        var error = await Assert.ThrowsAsync<PayloadException>(() => database.Sink<Game>("broken").FindAsync("x"));
        Assert.Equal(("broken", "x", PayloadProblem.Unreadable), (error.EntityType, error.EntityId, error.Problem));
    }

    [Fact]
    public async Task The_table_can_be_created_alone_again_and_by_several_at_once()
    {
        await using var host = new SinkHost<DocumentContext>(await SharedServers.CreateDatabaseAsync());
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => host.WithContextAsync(async context =>
        {
            await context.Database.EnsureWriteBehindDocumentsAsync();
            return 0;
        })));
        var sink = host.Sink<Game>();

        await sink.VerifyAsync(CancellationToken.None);
        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("a", 1, new Game("a", 1, []))).Outcome);
    }

    [Fact]
    public async Task The_table_has_the_same_shape_whoever_creates_it()
    {
        await using var host = new SinkHost<DocumentContext>(await SharedServers.CreateDatabaseAsync());
        await host.ExecuteAsync("CREATE SCHEMA \"other {0}\"");
        await host.ExecuteAsync(WriteBehindDocumentsExtensions.CreateTableSql());
        await host.WithContextAsync(context => context.Database.EnsureCreatedAsync());
        await host.WithContextAsync(async context =>
        {
            await context.Database.EnsureWriteBehindDocumentsAsync();
            return 0;
        });
        Assert.Equal(await ShapeAsync(host, "public"), await ShapeAsync(host, "other {0}"));
    }

    private static Task<string> ShapeAsync(SinkHost<DocumentContext> host, string schema) => host.ScalarAsync<string>($"""
        SELECT string_agg(
            column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, ''), ', ' ORDER BY column_name)
        FROM information_schema.columns WHERE table_schema = '{schema}'
        """);

    private Task<WriteBehindDocument> DocumentAsync(string type)
        => database.Host.WithContextAsync(
            context => context.Set<WriteBehindDocument>().AsNoTracking().SingleAsync(row => row.Type == type));
}
