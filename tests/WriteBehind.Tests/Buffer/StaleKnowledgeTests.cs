using StackExchange.Redis;
using WriteBehind.Buffer;
using WriteBehind.Redis;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Buffer;

/// <summary>
/// The trace that the model finds where knowledge is not always checked (<see cref="Protocol.ProtocolPartsTests"/>), on a real Redis.
/// </summary>
public sealed class StaleKnowledgeTests
{
    [Fact]
    public async Task A_writer_from_before_Redis_came_back_empty_is_refused_though_its_version_is_the_current_one()
    {
        await using var server = await RedisServer.StartAsync();
        await using var redis = new RedisConnections(new(ConfigurationOptions.Parse(server.Configuration)), TimeProvider.System);
        var buffer = new EntityBuffer(redis, new EntityTypeOptions<Item>("item"), new(), OpenGate.Instance);
        var stale = (await WriteAsync(buffer, nonce: "01", (await buffer.ReadAsync("a")).Known)).Known;

        await server.WipeAsync();
        await Eventually.TrueAsync(async () => !(await buffer.ReadAsync("a")).IsBuffered, because: "the connection is back");
        var current = await WriteAsync(buffer, nonce: "02", (await buffer.ReadAsync("a")).Known);

        Assert.Equal((WriteStatus.Ok, stale.Version), (current.Status, current.Known.Version));
        Assert.Equal(WriteStatus.Unconfirmed, (await WriteAsync(buffer, nonce: "03", stale)).Status);
        Assert.Equal(WriteStatus.Ok, (await WriteAsync(buffer, nonce: "04", current.Known)).Status);
    }

    private static Task<WriteReply> WriteAsync(EntityBuffer buffer, string nonce, Knowledge known)
        => buffer.WriteAsync(new WriteRequest("a", known, [1], nonce));
}
