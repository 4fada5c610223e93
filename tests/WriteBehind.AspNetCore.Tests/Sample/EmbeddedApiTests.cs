using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using WriteBehind.AspNetCore.Tests.Web;
using WriteBehind.TestTools;

namespace WriteBehind.AspNetCore.Tests.Sample;

public sealed class EmbeddedApiTests(EmbeddedApiTests.Running running) : IClassFixture<EmbeddedApiTests.Running>
{
    private readonly string _id = SharedServers.FreshName("product ");

    private HttpClient Client => running.Service.Client;

    private string Path => $"/stock/{Uri.EscapeDataString(_id)}";

    [Fact]
    public async Task A_movement_is_acknowledged_read_back_and_reaches_postgresql()
    {
        await MoveAsync(10);
        var moved = await MoveAsync(-3);
        Assert.Equal("\"2\"", moved.Headers.ETag?.Tag);

        var read = await Client.GetAsync(Path);
        Assert.Equal("\"2\"", read.Headers.ETag?.Tag);
        Assert.Equal(7, (await TestSite.JsonAsync(read)).GetProperty("quantity").GetInt64());
        await Eventually.TrueAsync(async () => await running.Servers.ReadRowAsync(_id) == (7, 2));
    }

    [Fact]
    public async Task A_product_that_was_never_moved_is_not_there()
        => Assert.Equal(HttpStatusCode.NotFound, (await Client.GetAsync(Path)).StatusCode);

    [Fact]
    public async Task A_count_with_an_outdated_etag_is_refused_and_changes_nothing()
    {
        await MoveAsync(10);
        await MoveAsync(1);
        var problem = await TestSite.AssertProblemAsync(HttpStatusCode.Conflict, await PutAsync(99, "\"1\""));
        Assert.Equal(2, problem.GetProperty("currentVersion").GetInt64());
        Assert.Equal(_id, problem.GetProperty("entityId").GetString());
        Assert.Equal(11, (await Client.GetFromJsonAsync<JsonElement>(Path)).GetProperty("quantity").GetInt64());

        Assert.Equal(HttpStatusCode.OK, (await PutAsync(99, "\"2\"")).StatusCode);
        Assert.Equal(99, (await Client.GetFromJsonAsync<JsonElement>(Path)).GetProperty("quantity").GetInt64());
    }

    [Fact]
    public async Task A_deleted_product_is_gone_at_once_and_its_row_with_the_next_flush()
    {
        await MoveAsync(10);
        await Eventually.TrueAsync(async () => await running.Servers.ReadRowAsync(_id) == (10, 1));
        Assert.Equal(HttpStatusCode.NoContent, (await Client.DeleteAsync(Path)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await Client.GetAsync(Path)).StatusCode);
        await Eventually.TrueAsync(async () => await running.Servers.ReadRowAsync(_id) is null);
    }

    [Fact]
    public async Task Senseless_requests_are_told_what_is_wrong()
    {
        Assert.Equal(HttpStatusCode.BadRequest, (await PutAsync(1, "five")).StatusCode);
        await PutAsync(long.MaxValue, null);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await MoveAsync(1, expectOk: false)).StatusCode);
        await TestSite.AssertProblemAsync(HttpStatusCode.BadRequest, await Client.GetAsync($"/stock/{new string('x', 513)}"));
        Assert.Equal(HttpStatusCode.BadRequest, (await Client.GetAsync("/stock/movements")).StatusCode);
    }

    [Fact]
    public async Task The_description_has_the_shops_api_and_not_the_operators()
    {
        var paths = (await Client.GetFromJsonAsync<JsonElement>("/openapi/v1.json")).GetProperty("paths");
        Assert.Equal(
            [
                "/pages/{product}", "/profiles", "/profiles/cities/{city}/invalidate", "/profiles/{id}",
                "/stock/{id}", "/stock/{id}/available", "/stock/{id}/movements",
            ],
            paths.EnumerateObject().Select(path => path.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_operator_sees_status_and_health_of_the_real_engine()
    {
        await MoveAsync(1);
        var status = await Client.GetFromJsonAsync<JsonElement>("/writebehind/status");
        var stock = Assert.Single(status.GetProperty("types").EnumerateArray());
        Assert.Equal("stock", stock.GetProperty("type").GetString());
        Assert.True(stock.GetProperty("counters").GetProperty("writesAcknowledged").GetInt64() >= 1);
        Assert.Equal(0, status.GetProperty("durability").GetProperty("warnings").GetArrayLength());
        Assert.NotEmpty(status.GetProperty("loops").EnumerateArray());

        var health = await Client.GetFromJsonAsync<JsonElement>("/health");
        Assert.Equal("Healthy", health.GetProperty("status").GetString());
        Assert.Equal(HttpStatusCode.OK, (await Client.GetAsync("/health/live")).StatusCode);
    }

    [Fact]
    public async Task The_operator_can_flush_by_hand()
    {
        await MoveAsync(4);
        using var flush = new HttpRequestMessage(HttpMethod.Post, "/writebehind/flush") { Headers = { { "X-WriteBehind", "1" } } };
        var report = await TestSite.JsonAsync(await Client.SendAsync(flush));
        Assert.True(report.GetProperty("isClean").GetBoolean());
        Assert.Equal((4, 1), await running.Servers.ReadRowAsync(_id));
    }

    [Fact]
    public async Task The_bulk_socket_answers_each_movement_by_its_number()
    {
        using var socket = await ConnectAsync();
        await SendAsync(socket, JsonSerializer.Serialize(new object[]
        {
            new { seq = 7, id = _id, amount = 5 }, new { seq = 8, id = "", amount = 1 }, new { seq = 9, id = _id, amount = -2 },
        }));

        var replies = new Dictionary<long, JsonElement>();
        while (replies.Count < 3)
        {
            foreach (var reply in JsonSerializer.Deserialize<JsonElement[]>((await ReceiveAsync(socket)).Text)!)
            {
                replies.Add(reply.GetProperty("seq").GetInt64(), reply);
            }
        }

        Assert.InRange(replies[7].GetProperty("version").GetInt64(), 1, 2);
        Assert.InRange(replies[9].GetProperty("version").GetInt64(), 1, 2);
        Assert.Contains("id", replies[8].GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.False(replies[8].TryGetProperty("outcomeUnknown", out _));

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        Assert.Equal(3, (await Client.GetFromJsonAsync<JsonElement>(Path)).GetProperty("quantity").GetInt64());
    }

    [Fact]
    public async Task The_bulk_socket_counts_a_movement_with_an_operations_id_once_however_often_it_is_sent()
    {
        var operation = OperationId.New();
        for (var seq = 1; seq <= 3; seq++)
        {
            using var socket = await ConnectAsync();
            await SendAsync(socket, JsonSerializer.Serialize(new object[] { new { seq, id = _id, amount = 5, operation } }));

            var reply = Assert.Single(JsonSerializer.Deserialize<JsonElement[]>((await ReceiveAsync(socket)).Text)!);

            Assert.Equal((seq, 1), (reply.GetProperty("seq").GetInt32(), reply.GetProperty("version").GetInt32()));
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        }

        Assert.Equal(5, (await Client.GetFromJsonAsync<JsonElement>(Path)).GetProperty("quantity").GetInt64());
    }

    [Theory]
    [InlineData("no json")]
    [InlineData("{}")]
    [InlineData("""[{"seq":1}]""")]
    [InlineData("""[{"seq":1,"id":"a","amount":1.5}]""")]
    [InlineData("""[{"seq":1,"id":"a","amount":99999999999999999999}]""")]
    public async Task The_bulk_socket_closes_on_a_message_that_it_does_not_understand(string message)
    {
        using var socket = await ConnectAsync();
        await SendAsync(socket, message);
        Assert.Equal(WebSocketCloseStatus.InvalidPayloadData, (await ReceiveAsync(socket)).Close);
    }

    [Fact]
    public async Task The_bulk_socket_closes_on_a_message_without_end()
    {
        using var socket = await ConnectAsync();
        await SendAsync(socket, new string(' ', (1 << 20) + 1));
        Assert.Equal(WebSocketCloseStatus.MessageTooBig, (await ReceiveAsync(socket)).Close);
    }

    [Fact]
    public async Task With_an_idempotency_key_a_movement_counts_once_and_each_repeat_gets_the_same_answer()
    {
        var key = $"\"{OperationId.New()}\"";
        var first = await MoveOnceAsync(4, key);
        await MoveAsync(10);
        var repeat = await MoveOnceAsync(4, key);

        Assert.Equal("\"1\"", first.Headers.ETag?.Tag);
        Assert.Equal("\"1\"", repeat.Headers.ETag?.Tag);
        Assert.Equal(await first.Content.ReadAsStringAsync(), await repeat.Content.ReadAsStringAsync());
        Assert.Equal(14, (await Client.GetFromJsonAsync<JsonElement>(Path)).GetProperty("quantity").GetInt64());

        var other = await TestSite.AssertProblemAsync(HttpStatusCode.UnprocessableEntity, await MoveOnceAsync(5, key));
        Assert.Equal("urn:writebehind:operation-mismatch", other.GetProperty("type").GetString());
        var old = $"\"{OperationId.New(DateTimeOffset.UtcNow.AddHours(-1), "old")}\"";
        await TestSite.AssertProblemAsync(HttpStatusCode.Gone, await MoveOnceAsync(4, old));
        Assert.Equal(14, (await Client.GetFromJsonAsync<JsonElement>(Path)).GetProperty("quantity").GetInt64());
    }

    private async Task<HttpResponseMessage> MoveOnceAsync(long amount, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{Path}/movements") { Content = JsonContent.Create(new { amount }) };
        request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        return await Client.SendAsync(request);
    }

    private async Task<HttpResponseMessage> MoveAsync(long amount, bool expectOk = true)
    {
        var answer = await Client.PostAsJsonAsync($"{Path}/movements", new { amount });
        Assert.Equal(expectOk, answer.IsSuccessStatusCode);
        return answer;
    }

    private async Task<HttpResponseMessage> PutAsync(long quantity, string? ifMatch)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, Path) { Content = JsonContent.Create(new { quantity }) };
        if (ifMatch is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        }

        return await Client.SendAsync(request);
    }

    private async Task<ClientWebSocket> ConnectAsync()
    {
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(
            new UriBuilder(Client.BaseAddress!) { Scheme = "ws", Path = "/stock/movements" }.Uri, CancellationToken.None);
        return socket;
    }

    private static Task SendAsync(ClientWebSocket socket, string text)
        => socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, CancellationToken.None);

    private static async Task<(string Text, WebSocketCloseStatus? Close)> ReceiveAsync(ClientWebSocket socket)
    {
        using var deadline = new CancellationTokenSource(Eventually.DefaultDeadline);
        var buffer = new byte[64 * 1024];
        var received = await socket.ReceiveAsync(buffer, deadline.Token);
        Assert.True(received.EndOfMessage);
        return (Encoding.UTF8.GetString(buffer, 0, received.Count), received.CloseStatus);
    }

    /// <summary>One service for all tests here; each has a product of its own.</summary>
    public sealed class Running : IAsyncLifetime
    {
        private EmbeddedService? _service;

        public SampleServers Servers { get; } = new();

        internal EmbeddedService Service => _service ?? throw new InvalidOperationException("The service is not up yet.");

        public async Task InitializeAsync()
        {
            await Servers.InitializeAsync();
            _service = await EmbeddedService.StartAsync(Servers);
        }

        public async Task DisposeAsync()
        {
            if (_service is not null)
            {
                await _service.DisposeAsync();
            }

            await Servers.DisposeAsync();
        }
    }
}
