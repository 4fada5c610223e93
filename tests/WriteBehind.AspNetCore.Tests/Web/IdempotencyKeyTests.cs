using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using WriteBehind.TestTools;

namespace WriteBehind.AspNetCore.Tests.Web;

/// <summary>What the header comes to before an endpoint sees the request; what stores and grains make of it is tested with these.</summary>
public sealed class IdempotencyKeyTests
{
    private const string Path = "/pieces";

    private static readonly string Key = OperationId.New();

    [Fact]
    public async Task An_endpoint_gets_the_key_and_the_body()
    {
        await using var site = await StartAsync();

        Assert.Equal($"{Key} 3", await (await PostAsync(site, $"\"{Key}\"", 3)).Content.ReadAsStringAsync());
        Assert.Equal($"{Key} 3", await (await PostAsync(site, $"  \"{Key}\";of=\"ours\" ", 3)).Content.ReadAsStringAsync());
        Assert.Equal("none 3", await (await PostAsync(site, null, 3)).Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("")]
    [InlineData("019a3f6e-0c5d-7c1e-9f43-8d2a6f1b7e30")]
    [InlineData("\"019a3f6e-0c5d-7c1e-9f43-8d2a6f1b7e30")]
    [InlineData("\"019a3f6e-0c5d-7c1e-9f43-8d2a6f1b7e30\" and more")]
    [InlineData("\"019a3f6e-0c5d-7c1e\\-9f43-8d2a6f1b7e30\"")]
    [InlineData("\"8e03978e-40d5-43dd-bc93-6894a57f9324\"")]
    [InlineData("\"\"")]
    [InlineData("42")]
    public async Task A_key_that_can_not_be_read_or_has_no_time_is_refused(string header)
    {
        await using var site = await StartAsync();

        var problem = await TestSite.AssertProblemAsync(HttpStatusCode.BadRequest, await PostAsync(site, header, 3));

        Assert.Equal("urn:writebehind:idempotency-key-malformed", problem.GetProperty("type").GetString());
    }

    [Fact]
    public async Task Where_a_key_is_required_a_request_without_one_is_refused()
    {
        await using var site = await StartAsync(options => options.IsRequired = true);

        var problem = await TestSite.AssertProblemAsync(HttpStatusCode.BadRequest, await PostAsync(site, null, 3));

        Assert.Equal("urn:writebehind:idempotency-key-missing", problem.GetProperty("type").GetString());
    }

    [Fact]
    public async Task A_repeat_while_the_first_request_runs_is_a_conflict_and_later_it_is_not()
    {
        var (entered, leave) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var site = await StartAsync(before: async () =>
        {
            entered.TrySetResult();
            await leave.Task;
        });
        var first = PostAsync(site, $"\"{Key}\"", 3);
        await entered.Task.WaitAsync(Eventually.DefaultDeadline);

        var problem = await TestSite.AssertProblemAsync(HttpStatusCode.Conflict, await PostAsync(site, $"\"{Key}\"", 3));
        Assert.Equal("urn:writebehind:idempotency-key-in-use", problem.GetProperty("type").GetString());

        leave.SetResult();
        Assert.Equal(HttpStatusCode.OK, (await first).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(site, $"\"{Key}\"", 3)).StatusCode);
    }

    [Fact]
    public async Task A_body_that_is_too_long_is_refused_and_without_a_key_it_is_not()
    {
        await using var site = await StartAsync(options => options.MaxBodyBytes = 4);

        await TestSite.AssertProblemAsync(HttpStatusCode.RequestEntityTooLarge, await PostAsync(site, $"\"{Key}\"", 12345));
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(site, null, 12345)).StatusCode);
        await Assert.ThrowsAsync<ConfigurationException>(() => StartAsync(options => options.MaxBodyBytes = -1));
    }

    [Fact]
    public void An_answer_is_given_to_the_request_that_it_was_kept_for_and_to_no_other()
    {
        var (first, same, other) = (New(1), New(1), New(2));
        var kept = new OperationAnswer(7, first.Keep(new Pieces(3)), IsRepeat: true);

        Assert.Equal(new Pieces(3), same.Take<Pieces>("stock", "a", kept));
        Assert.Throws<OperationMismatchException>(() => other.Take<Pieces>("stock", "a", kept));
        Assert.Throws<OperationMismatchException>(() => same.Take<Pieces>("stock", "a", new OperationAnswer(7, default, IsRepeat: true)));

        static IdempotencyKey New(byte hash) => new(Key, [.. Enumerable.Repeat(hash, 32)]);
    }

    private static Task<TestSite> StartAsync(Action<IdempotencyKeyOptions>? configure = null, Func<Task>? before = null)
        => TestSite.StartAsync(app: app => app.MapPost(Path, async (IdempotencyKey? key, HttpRequest request) =>
        {
            await (before?.Invoke() ?? Task.CompletedTask);
            var body = await JsonSerializer.DeserializeAsync<JsonElement>(request.Body);
            return $"{key?.Operation ?? "none"} {body}";
        }).WithIdempotencyKey(configure));

    private static async Task<HttpResponseMessage> PostAsync(TestSite site, string? key, int body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Path)
        {
            Content = new StringContent($"{body}", Encoding.UTF8, "application/json"),
        };
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        }

        return await site.Client.SendAsync(request);
    }

    private sealed record Pieces(int Count);
}
