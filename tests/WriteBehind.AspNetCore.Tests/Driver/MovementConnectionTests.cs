using System.Net.WebSockets;
using System.Text;
using Embedded.Driver.Load;
using Microsoft.AspNetCore.Builder;
using Proof.Load;
using WriteBehind.AspNetCore.Tests.Web;
using WriteBehind.TestTools;

namespace WriteBehind.AspNetCore.Tests.Driver;

public sealed class MovementConnectionTests
{
    [Fact]
    public async Task A_write_ends_as_its_reply_says()
    {
        string[] replies =
        [
            """{"seq":1,"version":9}""", """{"seq":2,"error":"buffer full"}""",
            """{"seq":3,"error":"Redis is away.","outcomeUnknown":true}""",
        ];
        await using var site = await ServeAsync((socket, message) =>
        {
            // The writes may come in one message or in three. Whatever comes, a reply to nothing is put before theirs.
            var due = replies.Where((_, i) => message.Contains($"\"seq\":{i + 1},", StringComparison.Ordinal))
                .Prepend("""{"seq":99,"version":1}""");
            return socket.SendAsync(
                Encoding.UTF8.GetBytes($"[{string.Join(',', due)}]"), WebSocketMessageType.Text, true, CancellationToken.None);
        });
        await using var connection = await MovementConnection.OpenAsync(site.Client.BaseAddress!, CancellationToken.None);
        var answers = await Task.WhenAll(
            connection.WriteAsync("a", 1, "o1"), connection.WriteAsync("b", 2, "o2"), connection.WriteAsync("c", 3, "o3")).WaitAsync(
                Eventually.DefaultDeadline);
        Assert.Equal([WriteResult.Acknowledged, WriteResult.Refused, WriteResult.Unknown], answers.Select(answer => answer.Result));
        Assert.Equal("buffer full", answers[1].Error);
    }

    [Fact]
    public async Task A_write_whose_answer_never_came_is_unknown_and_one_after_the_break_was_not_sent()
    {
        await using var site = await ServeAsync((socket, _) =>
        {
            socket.Abort();
            return Task.CompletedTask;
        });
        await using var connection = await MovementConnection.OpenAsync(site.Client.BaseAddress!, CancellationToken.None);
        Assert.Equal(WriteResult.Unknown, (await connection.WriteAsync("a", 1, "o1").WaitAsync(Eventually.DefaultDeadline)).Result);
        await Eventually.TrueAsync(() => !connection.IsOpen);
        Assert.Equal(WriteResult.NotSent, (await connection.WriteAsync("a", 1, "o1").WaitAsync(Eventually.DefaultDeadline)).Result);
    }

    [Fact]
    public async Task A_service_that_closes_in_good_order_leaves_unanswered_writes_unknown()
    {
        await using var site = await ServeAsync((socket, _) =>
            socket.CloseOutputAsync(WebSocketCloseStatus.EndpointUnavailable, "stopping", CancellationToken.None));
        await using var connection = await MovementConnection.OpenAsync(site.Client.BaseAddress!, CancellationToken.None);
        Assert.Equal(WriteResult.Unknown, (await connection.WriteAsync("a", 1, "o1").WaitAsync(Eventually.DefaultDeadline)).Result);
    }

    [Fact]
    public async Task Answers_that_make_no_sense_end_the_connection_and_not_the_driver()
    {
        await using var site = await ServeAsync((socket, _) =>
            socket.SendAsync("nonsense"u8.ToArray(), WebSocketMessageType.Text, true, CancellationToken.None));
        await using var connection = await MovementConnection.OpenAsync(site.Client.BaseAddress!, CancellationToken.None);
        Assert.Equal(WriteResult.Unknown, (await connection.WriteAsync("a", 1, "o1").WaitAsync(Eventually.DefaultDeadline)).Result);
    }

    /// <summary>A bulk socket that does this with each message.</summary>
    private static Task<TestSite> ServeAsync(Func<WebSocket, string, Task> answer) => TestSite.StartAsync(app: app =>
    {
        app.UseWebSockets();
        app.Map("/stock/movements", async (Microsoft.AspNetCore.Http.HttpContext http) =>
        {
            using var socket = await http.WebSockets.AcceptWebSocketAsync();
            var buffer = new byte[64 * 1024];
            while (socket.State == WebSocketState.Open)
            {
                var received = await socket.ReceiveAsync(buffer, CancellationToken.None);
                if (received.MessageType == WebSocketMessageType.Text)
                {
                    await answer(socket, Encoding.UTF8.GetString(buffer, 0, received.Count));
                }
            }
        });
    });
}
