using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Buffer;
using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;
using WriteBehind.Testing;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>
/// States that are made up come back from their payload and from their row as they were, or get no payload, so that they are never
/// acknowledged. A failure names the seed.
/// </summary>
public sealed class StatePropertyTests
{
    private const int States = 150;

    [Theory]
    [InlineData(PostgresRelease.Installed)]
    [InlineData(PostgresRelease.Eighteen)]
    public Task On_the_bulk_path(PostgresRelease release) => CheckAsync<Kept>(
        release,
        static model => model.Entity<Kept>(e => e.HasWriteBehindVersion()),
        "by bulk upsert",
        static (random, id) => new Kept(
            id,
            random.Text(),
            random.Maybe(random.Text),
            random.NextInt64(long.MinValue, long.MaxValue),
            random.Amount(),
            random.NextDouble() * Math.Pow(10, random.Next(-20, 20)),
            random.Next(2) == 0,
            random.Guid(),
            DateOnly.FromDayNumber(random.Next(1, 3_000_000)),
            random.Instant(),
            random.Next(3) == 0 ? null : (DayOfWeek)random.Next(7),
            random.Bytes()));

    [Theory]
    [InlineData(PostgresRelease.Installed)]
    [InlineData(PostgresRelease.Eighteen)]
    public Task On_the_tracked_path(PostgresRelease release) => CheckAsync<KeptWhole>(
        release,
        static model => model.Entity<KeptWhole>(e =>
        {
            e.HasWriteBehindVersion();
            e.OwnsOne(x => x.Part);
            e.OwnsMany(x => x.Parts, part => part.ToJson());
        }),
        "by SaveChanges",
        static (random, id) => new KeptWhole
        {
            Id = id,
            Text = random.Text(),
            Part = random.Maybe(random.Part),
            Parts = random.Many(random.Part),
        });

    [Theory]
    [InlineData(PostgresRelease.Installed)]
    [InlineData(PostgresRelease.Eighteen)]
    public Task In_the_generic_table(PostgresRelease release) => CheckAsync<KeptTree>(
        release,
        static model => model.AddWriteBehindDocuments(), "generic", static (random, _) => random.Tree(depth: 3));

    private static async Task CheckAsync<TState>(
        PostgresRelease release, Action<ModelBuilder> build, string path, Func<Values, int, TState> make)
        where TState : class
    {
        var seed = Random.Shared.Next();
        var random = new Values(seed);
        await using var host = new SinkHost<AdHocContext>(
            await SharedServers.CreateDatabaseAsync(release),
            (services, source)
                => services.AddSingleton(new AdHocModel(build)).AddDbContext<AdHocContext>(options => options.UseNpgsql(source)));
        await host.WithContextAsync(context => context.Database.EnsureCreatedAsync());
        var sink = host.Sink<TState>();
        await sink.VerifyAsync(CancellationToken.None);
        Assert.Contains(path, sink.Description, StringComparison.Ordinal);
        var codec = new PayloadCodec<TState>(new EntityTypeOptions<TState>("test"), sink.CheckState, sink.CheckEveryState);
        var kept = new Dictionary<string, TState>();
        for (var id = 1; id <= States; id++)
        {
            var state = make(random, id);
            var before = Text(state);
            try
            {
                var read = codec.Decode($"{id}", codec.Encode($"{id}", state));
                Assert.True(before == Text(read), $"seed {seed}: {before} came out of the payload as {Text(read)}");
                kept.Add($"{id}", read);
            }
            catch (PayloadException e)
            {
                Assert.Equal(PayloadProblem.NotSerializable, e.Problem);
                Assert.True(Values.IsBad(state), $"seed {seed}: {before} was refused: {e.Message}");
            }
        }

        Assert.InRange(kept.Count, States / 10, States - 1);
        var results = await sink.SaveAsync([.. kept.Select(state => new SaveItem<TState>(state.Key, 1, state.Value))]);
        Assert.All(results, result => Assert.True(result.Outcome == SaveOutcome.Applied, $"seed {seed}: {result.Error?.Message}"));
        var rows = await sink.LoadAsync([.. kept.Keys], CancellationToken.None);
        Assert.Equal(kept.Count, rows.Count);
        Assert.All(rows, row => Assert.True(
            Text(kept[row.Id]) == Text(row.State), $"seed {seed}: {Text(kept[row.Id])} came out of the row as {Text(row.State)}"));
    }

    /// <summary>A state as a text in which equal states are equal: a table keeps no order of members and keys.</summary>
    private static string Text<TState>(TState state)
    {
        return Sorted(JsonSerializer.SerializeToNode(state))?.ToJsonString() ?? "null";

        static JsonNode? Sorted(JsonNode? node) => node switch
        {
            JsonObject members => new JsonObject(
                members.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => KeyValuePair.Create(m.Key, Sorted(m.Value)))),
            JsonArray elements => new JsonArray([.. elements.Select(Sorted)]),
            _ => node?.DeepClone(),
        };
    }

    /// <summary>Makes up values, odd ones among them.</summary>
    private sealed class Values(int seed)
        : Random(seed)
    {
        private static readonly string[] Odd =
            ["", " ", "\\u0000", "\"", "Привет", "🦊", "\uFFFD", "\u2028", "a\nb\tc",
            "{}", "null", "'; --", "bad \0 nul", "bad \uD83D half"];

        public string Text()
            => Next(8) == 0 ? Odd[Next(Odd.Length)] : Next(1_000_000).ToString(System.Globalization.CultureInfo.InvariantCulture);

        public T? Maybe<T>(Func<T> make)
            where T : class
            => Next(3) == 0 ? null : make();

        public List<T> Many<T>(Func<T> make) => [.. Enumerable.Range(0, Next(4)).Select(_ => make())];

        /// <summary>With two decimals: a numeric without a scale keeps them all, and 1.50 comes back as 1.50.</summary>
        public decimal Amount() => new(Next(), Next(), 0, Next(2) == 0, 2);

        public Guid Guid() => new(Bytes(16));

        /// <summary>To the microsecond, which is what a timestamp keeps.</summary>
        public DateTime Instant() => new DateTime(2000, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddMicroseconds(NextInt64(1_000_000_000_000_000));

        public byte[] Bytes() => Bytes(Next(10));

        public KeptPart Part() => new() { Name = Text(), Price = Next(3) == 0 ? null : Amount() };

        public KeptTree Tree(int depth) => new(
            Text(),
            Next(3) switch { 0 => null, 1 => new KeptRound(NextDouble()), _ => new KeptFlat(Next(), -Next()) },
            Many(Text).Distinct().ToDictionary(key => key, _ => Next(2) == 0 ? (long?)null : NextInt64()),
            depth == 0 ? [] : Many(() => Tree(depth - 1)),
            [.. Many(() => (DayOfWeek)Next(7))],
            Next(2) == 0 ? null : TimeSpan.FromTicks(NextInt64()));

        /// <summary>Whether one of the texts that nothing keeps is in it: U+0000, or half of a surrogate pair.</summary>
        public static bool IsBad(object state)
            => Texts(state).Any(text => text.Contains('\0', StringComparison.Ordinal)
                || text.EnumerateRunes().Any(rune => rune == Rune.ReplacementChar
                && !text.Contains('\uFFFD', StringComparison.Ordinal)));

        private static IEnumerable<string> Texts(object? value) => value switch
        {
            null => [],
            string text => [text],
            System.Collections.IDictionary entries => entries.Keys.Cast<object>().SelectMany(Texts),
            System.Collections.IEnumerable elements => elements.Cast<object?>().SelectMany(Texts),
            Kept or KeptWhole or KeptPart or KeptTree
                => value.GetType().GetProperties().SelectMany(member => Texts(member.GetValue(value))),
            _ => [],
        };

        private byte[] Bytes(int length)
        {
            var bytes = new byte[length];
            NextBytes(bytes);
            return bytes;
        }
    }
}
