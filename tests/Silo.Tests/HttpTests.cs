using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Silo.Tests.Support;
using WriteBehind;
using WriteBehind.TestTools;

namespace Silo.Tests;

public sealed class HttpTests(OneSilo silo) : IClassFixture<OneSilo>
{
    [Fact]
    public async Task Stock_is_reserved_released_and_restocked_and_never_falls_below_zero()
    {
        Assert.Equal(5, await QuantityAsync(await PostAsync("/stock/apple/restock", new { quantity = 5 })));
        Assert.Equal(2, await QuantityAsync(await PostAsync("/stock/apple/reserve", new { quantity = 3 })));

        var refused = await PostAsync("/stock/apple/reserve", new { quantity = 3 });
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
        var problem = await refused.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("urn:shop:insufficient-stock", problem.GetProperty("type").GetString());
        Assert.Equal(2, problem.GetProperty("available").GetInt64());
        Assert.Equal(3, problem.GetProperty("requested").GetInt64());

        Assert.Equal(3, await QuantityAsync(await PostAsync("/stock/apple/release", new { quantity = 1 })));
        Assert.Equal(3, await QuantityAsync(await silo.Http.GetAsync("/stock/apple")));
    }

    [Fact]
    public async Task Of_many_reservations_at_once_as_many_succeed_as_there_are_pieces()
    {
        await PostAsync("/stock/ticket/restock", new { quantity = 20 });
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => PostAsync("/stock/ticket/reserve", new { quantity = 1 })));
        Assert.Equal(20, answers.Count(answer => answer.StatusCode == HttpStatusCode.OK));
        Assert.Equal(30, answers.Count(answer => answer.StatusCode == HttpStatusCode.Conflict));
        Assert.Equal(0, await QuantityAsync(await silo.Http.GetAsync("/stock/ticket")));
    }

    [Fact]
    public async Task A_score_can_be_added_to_deleted_and_begun_again()
    {
        await PostAsync("/score/7/ann%7Cmarie", new { points = 12 });
        await PostAsync("/score/7/ann%7Cmarie", new { points = -2 });
        var score = await silo.Http.GetFromJsonAsync<JsonElement>("/score/7/ann%7Cmarie");
        Assert.Equal((10, 12), (score.GetProperty("points").GetInt64(), score.GetProperty("best").GetInt64()));

        Assert.Equal(HttpStatusCode.NoContent, (await silo.Http.DeleteAsync("/score/7/ann%7Cmarie")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await silo.Http.GetAsync("/score/7/ann%7Cmarie")).StatusCode);
        await PostAsync("/score/7/ann%7Cmarie", new { points = 1 });
        await silo.Http.SendAsync(Flush());
        Assert.Equal(1L, await silo.Servers.QueryAsync("SELECT points FROM shop.score WHERE game = 7 AND player = 'ann|marie'"));
    }

    [Fact]
    public async Task Views_of_one_page_that_are_counted_at_once_share_saves_and_none_is_lost()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 300).Select(_ => PostAsync("/views/home", new { count = 1 })));
        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
        Assert.Equal(300, (await silo.Http.GetFromJsonAsync<JsonElement>("/views/home")).GetProperty("count").GetInt64());
    }

    [Fact]
    public async Task Who_scores_too_often_is_told_when_to_come_back_and_the_others_are_not_held_up()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => PostAsync("/score/8/cheat", new { points = 1 })));
        var refused = answers.Where(answer => answer.StatusCode == HttpStatusCode.TooManyRequests).ToArray();

        Assert.NotEmpty(refused);
        Assert.All(refused, answer => Assert.Equal(TimeSpan.FromSeconds(1), answer.Headers.RetryAfter?.Delta));
        var problem = await refused[0].Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("urn:writebehind:rate-limited", problem.GetProperty("type").GetString());
        var admitted = answers.Count(answer => answer.StatusCode == HttpStatusCode.OK);
        Assert.Equal(200, admitted + refused.Length);
        Assert.Equal(HttpStatusCode.OK, (await PostAsync("/score/8/bob", new { points = 1 })).StatusCode);
        Assert.Equal(admitted, (await silo.Http.GetFromJsonAsync<JsonElement>("/score/8/cheat")).GetProperty("points").GetInt64());
    }

    [Fact]
    public async Task An_order_is_in_the_database_when_it_is_answered_and_refused_where_there_are_too_few()
    {
        await PostAsync("/stock/plum/restock", new { quantity = 5 });
        Assert.Equal(2, await QuantityAsync(await PostAsync("/stock/plum/order", new { quantity = 3 })));
        Assert.Equal(2L, await silo.Servers.QueryAsync("SELECT quantity FROM shop.stock WHERE id = 'plum'"));
        Assert.Equal(HttpStatusCode.Conflict, (await PostAsync("/stock/plum/order", new { quantity = 3 })).StatusCode);
    }

    [Fact]
    public async Task An_order_that_the_database_does_not_take_in_time_counts_and_the_caller_is_told_so()
    {
        await PostAsync("/stock/fig/restock", new { quantity = 5 });
        HttpResponseMessage late;
        await using (await silo.Servers.LockAsync("LOCK TABLE shop.stock IN EXCLUSIVE MODE"))
        {
            late = await PostAsync("/stock/fig/order", new { quantity = 3 });
        }

        Assert.Equal(HttpStatusCode.GatewayTimeout, late.StatusCode);
        Assert.Equal(
            "urn:writebehind:not-written-through", (await late.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("type").GetString());
        Assert.Equal(2, await QuantityAsync(await silo.Http.GetAsync("/stock/fig")));
        await Eventually.TrueAsync(async () => await silo.Servers.QueryAsync("SELECT quantity FROM shop.stock WHERE id = 'fig'") is 2L);
    }

    [Fact]
    public async Task The_board_of_a_game_is_made_once_and_anew_when_a_cheat_is_disqualified()
    {
        foreach (var (player, points) in new[] { ("ann", 5), ("cheat", 99), ("bob", 7) })
        {
            await PostAsync($"/score/9/{player}", new { points });
        }

        await silo.Http.SendAsync(Flush());
        var boards = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => BoardAsync(9)));
        Assert.All(boards, board => Assert.Equal("cheat 99, bob 7, ann 5", board));

        await PostAsync("/score/9/ann", new { points = 10 });
        await silo.Http.SendAsync(Flush());
        Assert.Equal(boards[0], await BoardAsync(9));       // not asked for again

        Assert.Equal(HttpStatusCode.NoContent, (await PostAsync("/score/9/cheat/disqualify", new { })).StatusCode);
        Assert.Equal("ann 15, bob 7", await BoardAsync(9));
        Assert.Equal(HttpStatusCode.NotFound, (await silo.Http.GetAsync("/score/9/cheat")).StatusCode);
        Assert.Empty(await BoardAsync(10));
    }

    [Fact]
    public async Task Who_disqualifies_while_boards_can_not_be_forgotten_is_told_that_the_score_is_deleted_and_may_repeat_it()
    {
        await PostAsync("/score/12/cheat", new { points = 99 });
        await silo.Http.SendAsync(Flush());
        await silo.Servers.Redis.SendAsync(
            "EVAL",
            """
            for shard = 0, 99 do
              local key = string.format('wb:{cache.leaders:%02d}:control', shard)
              redis.call('DEL', key)
              redis.call('SET', key, 'broken')
            end
            """,
            "0");
        var refused = await PostAsync("/score/12/cheat/disqualify", new { });

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        var problem = await refused.Content.ReadFromJsonAsync<JsonElement>();
        Assert.StartsWith("The score is deleted", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.True(problem.GetProperty("outcomeUnknown").GetBoolean());
        Assert.DoesNotContain("othing was written", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(0L, await silo.Servers.QueryAsync("SELECT count(*) FROM shop.score WHERE game = 12"));

        await silo.Servers.Redis.SendAsync(
            "EVAL", "for shard = 0, 99 do redis.call('DEL', string.format('wb:{cache.leaders:%02d}:control', shard)) end", "0");
        Assert.Equal(HttpStatusCode.NoContent, (await PostAsync("/score/12/cheat/disqualify", new { })).StatusCode);
    }

    [Fact]
    public async Task With_an_idempotency_key_a_request_counts_once_and_each_repeat_gets_the_same_answer()
    {
        var (key, path) = ($"\"{OperationId.New()}\"", "/stock/cherry/restock");
        var first = await (await PostAsync(path, new { quantity = 5 }, key)).EnsureSuccessStatusCode().Content.ReadAsStringAsync();
        await PostAsync(path, new { quantity = 10 });

        Assert.Equal(first, await (await PostAsync(path, new { quantity = 5 }, key)).EnsureSuccessStatusCode().Content.ReadAsStringAsync());

        Assert.Equal(15, await QuantityAsync(await silo.Http.GetAsync("/stock/cherry")));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await PostAsync(path, new { quantity = 6 }, key)).StatusCode);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await PostAsync("/stock/cherry/release", new { quantity = 5 }, key)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await PostAsync(path, new { quantity = 5 }, "no string")).StatusCode);
        var old = $"\"{OperationId.New(DateTimeOffset.UtcNow.AddHours(-1), "old")}\"";
        Assert.Equal(HttpStatusCode.Gone, (await PostAsync(path, new { quantity = 5 }, old)).StatusCode);
        Assert.Equal(15, await QuantityAsync(await silo.Http.GetAsync("/stock/cherry")));
    }

    [Fact]
    public async Task Requests_at_once_under_one_idempotency_key_count_once()
    {
        var key = $"\"{OperationId.New()}\"";

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => PostAsync("/views/once", new { count = 1 }, key)));

        Assert.Empty(answers.Select(answer => answer.StatusCode).Except([HttpStatusCode.OK, HttpStatusCode.Conflict]));
        Assert.Contains(answers, answer => answer.StatusCode == HttpStatusCode.OK);
        Assert.Equal("1", await (await PostAsync("/views/once", new { count = 1 }, key)).Content.ReadAsStringAsync());
        Assert.Equal(1, (await silo.Http.GetFromJsonAsync<JsonElement>("/views/once")).GetProperty("count").GetInt64());
    }

    [Theory]
    [InlineData("/stock/pear/reserve", """{"quantity":0}""", 400)]
    [InlineData("/stock/pear/restock", """{"quantity":-1}""", 400)]
    [InlineData("/stock/pear/restock", "nonsense", 400)]
    [InlineData("/score/x/ann", """{"points":1}""", 404)]
    [InlineData("/views/home", """{"count":-1}""", 400)]
    [InlineData("/stock/%20/restock", """{"quantity":1}""", 400)]
    [InlineData("/score/1/%20", """{"points":1}""", 400)]
    [InlineData("/views/%20", """{"count":1}""", 400)]
    public async Task What_makes_no_sense_is_refused_with_problem_details(string path, string body, int status)
    {
        var answer = await silo.Http.PostAsync(new Uri(path, UriKind.Relative), new StringContent(body, Encoding.UTF8, "application/json"));
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task An_id_that_can_name_no_entity_is_refused()
    {
        var answer = await silo.Http.GetAsync(new Uri($"/stock/{new string('x', 600)}", UriKind.Relative));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("invalid-entity-id", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/openapi/v1.json", "/stock/{id}/reserve")]
    [InlineData("/health/live", "Healthy")]
    [InlineData("/health/ready", "silo")]
    [InlineData("/health", "writebehind-postgresql")]
    [InlineData("/writebehind", "WriteBehind")]
    [InlineData("/writebehind/status", "\"views\"")]
    [InlineData("/dashboard/", "<html")]
    public async Task What_an_operator_looks_at_is_there(string path, string content)
        => Assert.Contains(content, await silo.Http.GetStringAsync(new Uri(path, UriKind.Relative)), StringComparison.Ordinal);

    private static HttpRequestMessage Flush() => new(HttpMethod.Post, "/writebehind/flush") { Headers = { { "X-WriteBehind", "1" } } };

    private static async Task<long> QuantityAsync(HttpResponseMessage answer)
        => (await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>()).GetProperty("quantity").GetInt64();

    private async Task<string> BoardAsync(long game)
    {
        var places = await silo.Http.GetFromJsonAsync<JsonElement[]>($"/score/{game}");
        return string.Join(
            ", ", places!.Select(place => $"{place.GetProperty("player").GetString()} {place.GetProperty("points").GetInt64()}"));
    }

    private Task<HttpResponseMessage> PostAsync(string path, object body)
        => silo.Http.PostAsJsonAsync(new Uri(path, UriKind.Relative), body);

    private async Task<HttpResponseMessage> PostAsync(string path, object body, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        return await silo.Http.SendAsync(request);
    }
}
