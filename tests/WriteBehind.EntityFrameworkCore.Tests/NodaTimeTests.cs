using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using NodaTime;
using NodaTime.Text;
using Npgsql;
using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>A context whose data source reads and writes times in its own way.</summary>
public sealed class NodaTimeTests
{
    private static readonly DateTime Utc = new(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);

    [Fact]
    public async Task The_database_s_clock_is_read_exactly()
    {
        await using var host = await StartAsync();
        var before = await host.ScalarAsync<Instant>("SELECT clock_timestamp()");
        var clock = await host.Sink<Meeting>().ReadClockAsync(CancellationToken.None);
        var after = await host.ScalarAsync<Instant>("SELECT clock_timestamp()");
        Assert.InRange(Instant.FromDateTimeOffset(clock.At), before, after);
        Assert.Equal(TimeSpan.Zero, clock.At.Offset);
    }

    [Fact]
    public async Task States_with_times_of_NET_go_in_bulk_and_back()
    {
        await using var host = await StartAsync();
        var sink = host.Sink<Meeting>();
        Assert.Contains("by bulk upsert", sink.Description, StringComparison.Ordinal);
        var state = new Meeting
        {
            At = Utc,
            Ends = new DateTimeOffset(Utc),
            Wall = DateTime.SpecifyKind(Utc, DateTimeKind.Unspecified),
            Day = new(2026, 1, 2),
            Span = TimeSpan.FromHours(1),
        };
        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("1", 1, state)).Outcome);
        Assert.Equal(SaveOutcome.AlreadyThere, (await sink.PutAsync("1", 1, state)).Outcome);

        var read = Assert.NotNull(await sink.FindAsync("1")).State;

        Assert.Equal((state.At, state.Ends, state.Wall, state.Day, state.Span), (read.At, read.Ends, read.Wall, read.Day, read.Span));
        Assert.Equal(SaveOutcome.Applied, (await sink.DeleteAsync("1", 2)).Outcome);
    }

    [Fact]
    public async Task States_with_times_of_NodaTime_are_saved_and_read_back()
    {
        await using var host = await StartAsync();
        var sink = host.Sink<Flight>();
        await sink.VerifyAsync(CancellationToken.None);
        var state = new Flight { Departs = Instant.FromDateTimeUtc(Utc), Day = new NodaTime.LocalDate(2026, 1, 2) };
        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("1", 1, state)).Outcome);

        var read = Assert.NotNull(await sink.FindAsync("1")).State;

        Assert.Equal((state.Departs, state.Day), (read.Departs, read.Day));
    }

    [Fact]
    public async Task The_generic_table_works()
    {
        await using var host = await StartAsync();
        var sink = host.Sink<Game>();
        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("a", 1, new Game("t", 1, []))).Outcome);
        Assert.Equal("t", Assert.NotNull(await sink.FindAsync("a")).State.Title);
    }

    private static async Task<SinkHost<AdHocContext>> StartAsync()
    {
        var model = new AdHocModel(static model =>
        {
            model.Entity<Meeting>().HasWriteBehindVersion().Property(m => m.Wall).HasColumnType("timestamp without time zone");
            model.Entity<Flight>().HasWriteBehindVersion();
            model.AddWriteBehindDocuments();
        });
        var host = new SinkHost<AdHocContext>(
            await SharedServers.CreateDatabaseAsync(),
            (services, source) => services
                .AddSingleton(model)
                .AddDbContext<AdHocContext>(options => options.UseNpgsql(source, npgsql => npgsql.UseNodaTime())),
            source: static source => source.UseNodaTime());
        await host.WithContextAsync(context => context.Database.EnsureCreatedAsync());
        return host;
    }

    private sealed class Meeting
    {
        public int Id { get; set; }

        public DateTime At { get; set; }

        public DateTimeOffset Ends { get; set; }

        public DateTime Wall { get; set; }

        public DateOnly Day { get; set; }

        public TimeSpan Span { get; set; }
    }

    private sealed class Flight
    {
        public int Id { get; set; }

        [JsonConverter(typeof(InstantConverter))]
        public Instant Departs { get; set; }

        [JsonConverter(typeof(LocalDateConverter))]
        public NodaTime.LocalDate Day { get; set; }
    }

    private sealed class InstantConverter : JsonConverter<Instant>
    {
        public override Instant Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
            => Instant.FromUnixTimeTicks(reader.GetInt64());

        public override void Write(Utf8JsonWriter writer, Instant value, JsonSerializerOptions options)
            => writer.WriteNumberValue(value.ToUnixTimeTicks());
    }

    private sealed class LocalDateConverter : JsonConverter<NodaTime.LocalDate>
    {
        public override NodaTime.LocalDate Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
            => LocalDatePattern.Iso.Parse(reader.GetString()!).GetValueOrThrow();

        public override void Write(Utf8JsonWriter writer, NodaTime.LocalDate value, JsonSerializerOptions options)
            => writer.WriteStringValue(LocalDatePattern.Iso.Format(value));
    }
}
