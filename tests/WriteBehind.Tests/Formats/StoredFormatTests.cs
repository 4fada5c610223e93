using System.Globalization;
using System.Text;
using WriteBehind.Buffer;
using WriteBehind.Redis;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Formats;

/// <summary>What is stored is pinned: a later release must find and read what an earlier one left (see <see cref="Snapshot"/>).</summary>
public sealed class StoredFormatTests
{
    private static readonly int[] OtherCounts = [1, 2, 7, 1024];

    private static readonly IReadOnlyList<(string Name, Item State, int Schema)> Payloads =
    [
        ("plain", new Item(1), 1),
        ("negative", new Item(-1, ""), 1),
        ("unicode", new Item(long.MaxValue, "é 日本 \U0001F600 \" \\ \n <>&'+"), 1),
        ("schema 2", new Item(2), 2),
        ("schema 258", new Item(2), 258),
    ];

    [Fact]
    public void Key_names_and_shards_are_as_committed()
    {
        var keys = new KeyLayout("wb", "stock", 16);
        var text = new StringBuilder($"layout {KeyLayout.Version}\nmeta {keys.Meta}\n");
        foreach (var shard in new[] { 0, 15 })
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"shard {shard}: {keys[shard].Dirty} {keys[shard].Claims} {keys[shard].Dead} {keys[shard].Epoch}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"shard 1023: {new KeyLayout("wb", "stock", 1024)[1023].Dirty}\n");
        foreach (var id in OddIds.All.Concat(Enumerable.Range(0, 20).Select(i => $"stock-{i}")))
        {
            var shard = keys.ShardOf(id);
            var others = string.Join(' ', OtherCounts.Select(count => $"{ShardHash.ShardOf(id, count)}/{count}"));
            text.Append(CultureInfo.InvariantCulture, $"id {Snapshot.Escape(id)}\n  shard {shard}/16 {others}\n")
                .Append(
                    CultureInfo.InvariantCulture,
                    $"  {Snapshot.Escape(keys[shard].Entity(id)!)}\n  {Snapshot.Escape(keys[shard].Fence(id)!)}\n");
        }

        Snapshot.Verify("keys.txt", text.ToString());
    }

    [Fact]
    public void Ids_are_spread_evenly_over_the_shards()
    {
        foreach (var count in new[] { 2, 16, 100 })
        {
            var sizes = Enumerable.Range(0, 100 * count).CountBy(i => ShardHash.ShardOf($"product-{i}", count)).ToArray();
            Assert.Equal(count, sizes.Length);
            Assert.All(sizes, shard => Assert.InRange(shard.Value, 50, 150));
        }
    }

    [Fact]
    public void Payloads_are_as_committed()
    {
        var text = new StringBuilder();
        foreach (var (name, state, schema) in Payloads)
        {
            text.Append(CultureInfo.InvariantCulture, $"{name}: {Convert.ToHexStringLower(CodecOf(schema).Encode("a", state))}\n");
        }

        Snapshot.Verify("payloads.txt", text.ToString());
    }

    [Fact]
    public void Committed_payloads_are_still_read()
    {
        var committed = Snapshot.Read("payloads.txt").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(": "))
            .ToArray();
        Assert.Equal(Payloads.Count, committed.Length);
        foreach (var (name, state, schema) in Payloads)
        {
            var bytes = Convert.FromHexString(committed.Single(line => line[0] == name)[1]);
            Assert.Equal(state, CodecOf(schema).Decode("a", bytes));
        }
    }

    [Fact]
    public void A_payload_of_an_older_schema_goes_through_every_upgrade_up_to_the_present_one()
    {
        var old = CodecOf(1).Encode("a", new Item(1, "1"));
        var options = new EntityTypeOptions<Item>("item") { SchemaVersion = 3 };
        options.Upgrades[1] = body
            => Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(body.Span).Replace("\"1\"", "\"1 2\"", StringComparison.Ordinal));
        options.Upgrades[2] = body
            => Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(body.Span).Replace("\"1 2\"", "\"1 2 3\"", StringComparison.Ordinal));

        Assert.Equal(new Item(1, "1 2 3"), new PayloadCodec<Item>(options).Decode("a", old));
    }

    [Fact]
    public void Dead_letters_are_as_committed_and_still_read()
    {
        var at = new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);
        StoredLetter[] letters =
        [
            new()
            {
                Version = 3,
                Reason = DeadLetterReason.Rejected,
                Error = "value too long",
                Code = "22001",
                Attempts = 5,
                FirstFailedAt = at,
                SetAsideAt = at.AddSeconds(9),
            },
            new()
            {
                Version = 4,
                Reason = DeadLetterReason.Unreadable,
                Error = "no header",
                Attempts = 1,
                FirstFailedAt = at,
                SetAsideAt = at,
            },
            new()
            {
                Version = 5,
                Reason = DeadLetterReason.Fenced,
                Error = "newer row",
                Attempts = 1,
                FirstFailedAt = at,
                SetAsideAt = at,
                StoredVersion = 9,
                Payload = [0xB5, 1, 1, 1, 0, 0x7B, 0x7D],
            },
            new()
            {
                Version = 6,
                Reason = DeadLetterReason.Fenced,
                Error = "newer row",
                Attempts = 1,
                FirstFailedAt = at,
                SetAsideAt = at,
                StoredVersion = 9,
                IsDelete = true,
            },
            new()
            {
                Version = 7,
                Nonce = "-42",
                Reason = DeadLetterReason.Rejected,
                Error = "value too long",
                Code = "22001",
                Attempts = 5,
                FirstFailedAt = at,
                SetAsideAt = at,
            },
        ];

        Snapshot.Verify("dead-letters.txt", string.Concat(letters.Select(letter => Encoding.UTF8.GetString(letter.ToBytes()) + "\n")));
        var read = Snapshot.Read("dead-letters.txt").Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => StoredLetter.FromBytes(Encoding.UTF8.GetBytes(line))).ToArray();
        for (var i = 0; i < letters.Length; i++)
        {
            Assert.Equal(letters[i].ToPublic("item", "a"), read[i].ToPublic("item", "a"));
            Assert.Equal((letters[i].MarkField, letters[i].Mark), (read[i].MarkField, read[i].Mark));
            Assert.Equal(letters[i].IsDelete, read[i].IsDelete);
            Assert.Equal(letters[i].Payload, read[i].Payload);
        }
    }

    private static PayloadCodec<Item> CodecOf(int schema) => new(new EntityTypeOptions<Item>("item") { SchemaVersion = schema });
}
