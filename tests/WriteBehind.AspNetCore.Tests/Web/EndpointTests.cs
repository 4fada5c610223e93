using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;

namespace WriteBehind.AspNetCore.Tests.Web;

public sealed class EndpointTests
{
    [Fact]
    public async Task Status_tells_of_every_type_with_durations_in_seconds()
    {
        await using var site = await TestSite.StartAsync();
        var answer = await site.GetAsync("/writebehind/status");
        var status = await TestSite.JsonAsync(answer);

        Assert.True(answer.Headers.CacheControl?.NoStore);
        var stock = status.GetProperty("types")[0];
        Assert.Equal("stock", stock.GetProperty("type").GetString());
        Assert.Equal(3, stock.GetProperty("dirty").GetInt64());
        Assert.Equal(1.5, stock.GetProperty("oldestDirtyAgeSeconds").GetDouble());
        Assert.Equal(10, stock.GetProperty("maxAgeSeconds").GetDouble());
        Assert.Equal("Closed", stock.GetProperty("breaker").GetString());
        Assert.Equal(100, stock.GetProperty("counters").GetProperty("writesAcknowledged").GetInt64());
        Assert.Equal(30, stock.GetProperty("counters").GetProperty("rowsApplied").GetInt64());
        Assert.Equal(12.5, stock.GetProperty("rates").GetProperty("writesPerSecond").GetDouble());
        Assert.Equal(2.5, stock.GetProperty("rates").GetProperty("rowsPerSecond").GetDouble());
        Assert.True(status.GetProperty("durability").GetProperty("reachable").GetBoolean());
        Assert.Equal("watch", status.GetProperty("loops")[0].GetProperty("name").GetString());
    }

    [Fact]
    public async Task Nothing_dirty_has_no_age()
    {
        await using var site = await TestSite.StartAsync();
        site.Engine.Status = site.Engine.Status with { Types = [FakeEngine.Stock with { Dirty = 0, OldestDirtyAge = null }] };
        var status = await TestSite.JsonAsync(await site.GetAsync("/writebehind/status"));
        Assert.Equal(JsonValueKind.Null, status.GetProperty("types")[0].GetProperty("oldestDirtyAgeSeconds").ValueKind);
    }

    [Fact]
    public async Task A_flush_reports_what_it_did_and_what_is_left()
    {
        await using var site = await TestSite.StartAsync();
        var report = await TestSite.JsonAsync(await site.PostAsync("/writebehind/flush?timeoutSeconds=2.5"));
        Assert.Equal(TimeSpan.FromSeconds(2.5), site.Engine.FlushTimeout);
        Assert.Equal(5, report.GetProperty("flushed").GetInt64());
        Assert.Equal(2, report.GetProperty("remaining").GetProperty("stock").GetInt64());
        Assert.Equal("odd/id", report.GetProperty("rejected")[0].GetProperty("id").GetString());
        Assert.False(report.GetProperty("isClean").GetBoolean());
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("NaN")]
    [InlineData("301")]
    [InlineData("1e400")]
    [InlineData("soon")]
    [InlineData("")]
    public async Task A_flush_with_a_senseless_timeout_is_refused(string timeout)
    {
        await using var site = await TestSite.StartAsync();
        await TestSite.AssertProblemAsync(HttpStatusCode.BadRequest, await site.PostAsync($"/writebehind/flush?timeoutSeconds={timeout}"));
        Assert.Null(site.Engine.FlushTimeout);
    }

    [Fact]
    public async Task A_pause_is_made_in_the_caller_s_name_and_ended()
    {
        await using var site = await TestSite.StartAsync();

        var pause = await TestSite.JsonAsync(await site.PostAsync("/writebehind/flush/stock/pause?seconds=90"));
        Assert.Equal("a caller without a name over HTTP", site.Engine.Pause?.By);
        Assert.Equal(TimeSpan.FromSeconds(90), site.Engine.Pause!.Until - site.Engine.Pause.Since);
        Assert.Equal("1970-01-01T00:01:30+00:00", pause.GetProperty("until").GetString());
        Assert.Equal(0, pause.GetProperty("underWay").GetInt32());

        var first = await TestSite.JsonAsync(await site.PostAsync("/writebehind/flush/stock/resume"));
        var second = await TestSite.JsonAsync(await site.PostAsync("/writebehind/flush/stock/resume"));
        Assert.True(first.GetProperty("wasPaused").GetBoolean());
        Assert.False(second.GetProperty("wasPaused").GetBoolean());
    }

    [Theory]
    [InlineData("0")]
    [InlineData("NaN")]
    [InlineData("3601")]
    [InlineData("")]
    public async Task A_pause_of_a_senseless_length_is_refused(string seconds)
    {
        await using var site = await TestSite.StartAsync();
        await TestSite.AssertProblemAsync(
            HttpStatusCode.BadRequest, await site.PostAsync($"/writebehind/flush/stock/pause?seconds={seconds}"));
        Assert.Null(site.Engine.Pause);
    }

    [Fact]
    public async Task An_entity_is_shown_in_all_places_with_its_states_as_json()
    {
        await using var site = await TestSite.StartAsync();
        var letter = new DeadLetter(
            "stock", "a/b", 7, DeadLetterReason.Rejected, "too long", "22001", 5, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, 0);
        site.Engine.Inspection = new("stock", "", DateTimeOffset.UnixEpoch)
        {
            Buffered = new(7, false, new byte[] { 0xFF, 1 }),
            DirtySince = DateTimeOffset.UnixEpoch,
            Fence = 6,
            FenceExpiresIn = TimeSpan.FromSeconds(2.5),
            Memos = 3,
            DeadLetter = new(letter, false, "{\"quantity\":2}"u8.ToArray()),
            Row = new(6, false, "{\"quantity\":1}"u8.ToArray()),
        };

        var entity = await TestSite.JsonAsync(await site.GetAsync("/writebehind/entities/stock/show?id=a%2Fb"));

        Assert.Equal("a/b", entity.GetProperty("id").GetString());
        Assert.Equal("/wE=", entity.GetProperty("buffered").GetProperty("stateBase64").GetString());
        Assert.Equal(6, entity.GetProperty("row").GetProperty("version").GetInt64());
        Assert.Equal(1, entity.GetProperty("row").GetProperty("state").GetProperty("quantity").GetInt32());
        Assert.Equal(2, entity.GetProperty("deadLetter").GetProperty("state").GetProperty("quantity").GetInt32());
        Assert.Equal(
            (6, 2.5, 3),
            (entity.GetProperty("fence").GetInt64(), entity.GetProperty("fenceExpiresInSeconds").GetDouble(),
                entity.GetProperty("memos").GetInt64()));
        await TestSite.AssertProblemAsync(HttpStatusCode.BadRequest, await site.GetAsync("/writebehind/entities/stock/show"));
    }

    [Fact]
    public async Task The_oldest_dirty_entities_are_listed_with_their_ages()
    {
        await using var site = await TestSite.StartAsync();

        var oldest = await TestSite.JsonAsync(await site.GetAsync("/writebehind/entities/stock/oldest?limit=2"));

        Assert.Equal(2, oldest.GetProperty("entities").GetArrayLength());
        Assert.Equal(2, oldest.GetProperty("entities")[0].GetProperty("ageSeconds").GetDouble());
        await TestSite.AssertProblemAsync(HttpStatusCode.BadRequest, await site.GetAsync("/writebehind/entities/stock/oldest?limit=1001"));
    }

    [Theory]
    [InlineData("verify", false)]
    [InlineData("reconcile", true)]
    public async Task Redis_and_the_database_are_compared_and_what_differs_is_mended_where_that_is_asked_for(string verb, bool mend)
    {
        await using var site = await TestSite.StartAsync();

        var found = await TestSite.JsonAsync(await site.PostAsync($"/writebehind/entities/stock/{verb}"));

        Assert.Equal(mend, site.Engine.Mend);
        Assert.Equal(mend ? 1 : 0, found.GetProperty("mended").GetInt64());
        Assert.Equal((7, 2, 1), (
            found.GetProperty("compared").GetInt64(), found.GetProperty("dirty").GetInt64(), found.GetProperty("deadLetters").GetInt64()));
        var difference = Assert.Single(found.GetProperty("differences").EnumerateArray());
        Assert.Equal(("a/b", "RowBehind"), (difference.GetProperty("id").GetString(), difference.GetProperty("kind").GetString()));
        Assert.True(difference.GetProperty("canBeMended").GetBoolean());

        site.Engine.Failure = new SinkException(SinkFailure.Transient, "PostgreSQL is away.");
        await TestSite.AssertProblemAsync(
            HttpStatusCode.ServiceUnavailable, await site.PostAsync($"/writebehind/entities/stock/{verb}"));
    }

    [Fact]
    public async Task One_entity_is_flushed()
    {
        await using var site = await TestSite.StartAsync();

        var done = await TestSite.JsonAsync(await site.PostAsync("/writebehind/entities/stock/flush?id=a%2Fb&timeoutSeconds=3"));

        Assert.Equal(("a/b", true), (done.GetProperty("id").GetString(), done.GetProperty("flushed").GetBoolean()));
        Assert.Equal(["a/b"], site.Engine.Flushed);
        Assert.Equal(TimeSpan.FromSeconds(3), site.Engine.FlushTimeout);
        foreach (var query in (string[])["", "?id=", "?id=a&timeoutSeconds=soon"])
        {
            await TestSite.AssertProblemAsync(
                HttpStatusCode.BadRequest, await site.PostAsync($"/writebehind/entities/stock/flush{query}"));
        }

        Assert.Single(site.Engine.Flushed);
    }

    [Fact]
    public async Task A_pause_is_in_the_status()
    {
        await using var site = await TestSite.StartAsync();
        var pause = new FlushPause("stock", DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddMinutes(1), "ann@desk");
        site.Engine.Status = site.Engine.Status with { Types = [FakeEngine.Stock with { Pause = pause }] };

        var status = await TestSite.JsonAsync(await site.GetAsync("/writebehind/status"));

        Assert.Equal("ann@desk", status.GetProperty("types")[0].GetProperty("pause").GetProperty("by").GetString());
    }

    [Fact]
    public async Task An_error_of_the_engine_is_told_with_its_entity_and_its_status()
    {
        await using var site = await TestSite.StartAsync();
        (WriteBehindException Error, HttpStatusCode Status)[] cases =
        [
            (new UnknownEntityTypeException("x", ["stock"]), HttpStatusCode.NotFound),
            (new InvalidEntityIdException("stock", "", "it is empty."), HttpStatusCode.BadRequest),
            (new InvalidOperationIdException("stock", "a", "x", "it has no time."), HttpStatusCode.BadRequest),
            (new OperationForgottenException("stock", "a", "1767225600000-x", OperationDoubt.Expired), HttpStatusCode.Gone),
            (new OperationResultException("stock", "a", "1767225600000-x", 9, 8), HttpStatusCode.InternalServerError),
            (new WriteConflictException("stock", "a", 1, 2), HttpStatusCode.Conflict),
            (
                new FlushPausedException("a", new("stock", DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, "ann")),
                HttpStatusCode.ServiceUnavailable),
            (new PayloadException(PayloadProblem.TooLarge, "too large", "stock", "a"), HttpStatusCode.RequestEntityTooLarge),
            (new PayloadException(PayloadProblem.Unreadable, "garbage", "stock", "a"), HttpStatusCode.InternalServerError),
            (new EntityRejectedException("stock", "a", "too long."), HttpStatusCode.UnprocessableEntity),
            (new BufferFullException("stock", "a", 10), HttpStatusCode.ServiceUnavailable),
            (new BufferUnavailableException("Redis is away.", true, "stock", "a"), HttpStatusCode.ServiceUnavailable),
            (new SinkException(SinkFailure.Transient, "PostgreSQL is away."), HttpStatusCode.ServiceUnavailable),
            (new SinkException(SinkFailure.Statement, "no such table"), HttpStatusCode.InternalServerError),
            (new FlushIncompleteException("stock", "a", TimeSpan.FromSeconds(1), "busy."), HttpStatusCode.GatewayTimeout),
            (new ConfigurationException("Shards", "16 is not 8."), HttpStatusCode.InternalServerError),
        ];
        foreach (var (error, status) in cases)
        {
            site.Engine.Failure = error;
            var problem = await TestSite.AssertProblemAsync(status, await site.GetAsync("/writebehind/status"));
            Assert.Equal(error.Message, problem.GetProperty("detail").GetString());
            Assert.Equal(error.EntityType, problem.TryGetProperty("entityType", out var type) ? type.GetString() : null);
            Assert.Equal(error.EntityId, problem.TryGetProperty("entityId", out var id) ? id.GetString() : null);
        }
    }

    [Fact]
    public async Task An_endpoint_of_the_host_answers_with_the_same_problem_details()
    {
        await using var site = await TestSite.StartAsync(
            services: services => services.AddWriteBehindProblemDetails(),
            app: app =>
            {
                app.UseExceptionHandler();
                app.MapGet("/host", string () => throw new WriteConflictException("stock", "a", 1, 2));
            });
        var problem = await TestSite.AssertProblemAsync(HttpStatusCode.Conflict, await site.GetAsync("/host"));
        Assert.Equal(2, problem.GetProperty("currentVersion").GetInt64());
    }

    [Fact]
    public async Task The_live_page_is_one_document_that_loads_nothing_else()
    {
        await using var site = await TestSite.StartAsync();
        var first = await site.GetAsync("/writebehind");
        var html = await first.Content.ReadAsStringAsync();
        var policy = string.Join(' ', first.Headers.GetValues("Content-Security-Policy"));

        Assert.Equal("text/html", first.Content.Headers.ContentType?.MediaType);
        Assert.DoesNotContain("{{nonce}}", html, StringComparison.Ordinal);
        Assert.DoesNotContain("src=", html, StringComparison.Ordinal);
        Assert.DoesNotContain("href=", html, StringComparison.Ordinal);
        Assert.DoesNotContain("innerHTML", html, StringComparison.Ordinal);
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        var nonce = policy.Split("'nonce-")[1].Split('\'')[0];
        Assert.Contains($"<script nonce=\"{nonce}\">", html, StringComparison.Ordinal);

        var second = await site.GetAsync("/writebehind");
        Assert.DoesNotContain(nonce, await second.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }
}
