using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>
/// Made-up states of made-up types go through one engine and come out of another: from Redis, and from PostgreSQL once Redis has nothing of
/// them any more; each twice, as what replaces another state takes another way. They are equal, or were refused before they were
/// acknowledged. A failure names the seed; WRITEBEHIND_STATES_SEED sets it.
/// </summary>
public sealed class StatePropertyTests
{
    private const int Types = 8;
    private const int States = 15;

    private readonly int _seed = Environment.GetEnvironmentVariable("WRITEBEHIND_STATES_SEED") is { } seed
        ? int.Parse(seed, System.Globalization.CultureInfo.InvariantCulture)
        : Random.Shared.Next();

    [Theory]
    [InlineData(PostgresRelease.Installed)]
    [InlineData(PostgresRelease.Eighteen)]
    public Task On_the_bulk_path(PostgresRelease release) => CheckAsync(
        release,
        "by bulk upsert",
        new MadeUpValues(_seed) { IsForColumns = true },
        static values => (values.Next(2) == 0 ? typeof(KeptRow<,,>) : typeof(KeptEntry<,,>))
            .MakeGenericType(values.ColumnType(), values.ColumnType(), values.ColumnType()));

    [Theory]
    [InlineData(PostgresRelease.Installed)]
    [InlineData(PostgresRelease.Eighteen)]
    public Task On_the_tracked_path(PostgresRelease release) => CheckAsync(
        release,
        "by SaveChanges",
        new MadeUpValues(_seed) { IsForColumns = true },
        static values => (values.Next(2) == 0 ? typeof(KeptWhole<,>) : typeof(KeptList<,>))
            .MakeGenericType(values.ColumnType(), values.ColumnType()));

    [Theory]
    [InlineData(PostgresRelease.Installed)]
    [InlineData(PostgresRelease.Eighteen)]
    public Task In_the_generic_table(PostgresRelease release)
        => CheckAsync(release, "generic", new MadeUpValues(_seed), static values => typeof(KeptPair<,>)
            .MakeGenericType(values.AnyType(depth: 3), values.AnyType(depth: 3)));

    private async Task CheckAsync(PostgresRelease release, string path, MadeUpValues values, Func<MadeUpValues, Type> makeType)
    {
        var types = new HashSet<Type>();
        while (types.Count < Types)
        {
            types.Add(makeType(values));
        }

        var kinds = types.Select((type, i) => (MadeUpKind)Activator.CreateInstance(
            typeof(MadeUpKind<>).MakeGenericType(type), $"kind{i}", i % 2 == 0 ? AfterFlush.Delete : AfterFlush.Keep)!).ToList();
        var (postgres, prefix) = (await SharedServers.CreateDatabaseAsync(release), SharedServers.FreshName("kept"));
        var redis = await SharedServers.RedisAsync();
        try
        {
            await using var one = await StartAsync(kinds, postgres, prefix, path, create: true);
            await using var other = await StartAsync(kinds, postgres, prefix, path, create: false);
            foreach (var (writer, reader) in new[] { (one, other), (other, one) })
            {
                var engine = writer.GetRequiredService<IWriteBehindEngine>();
                foreach (var kind in kinds)
                {
                    await kind.WriteAsync(engine, values, States);
                    await kind.CompareAsync(reader.GetRequiredService<IWriteBehindEngine>(), "Redis");
                }

                var report = await engine.FlushAllAsync(TimeSpan.FromSeconds(60));
                Assert.True(report.IsClean, $"not clean: {report} {string.Join(", ", report.Rejected)}");
                foreach (var kind in kinds)
                {
                    await kind.EvictAsync(engine);
                }

                Assert.Equal("0", await redis.SendAsync("EVAL", "return #redis.call('KEYS', ARGV[1])", "0", $"{prefix}:*:e:*"));
                foreach (var kind in kinds)
                {
                    await kind.CompareAsync(reader.GetRequiredService<IWriteBehindEngine>(), "the row");
                    await kind.WriteAgainAsync(reader.GetRequiredService<IWriteBehindEngine>());
                    await kind.EvictAsync(engine);
                }
            }

            Assert.All(kinds, static kind => Assert.True(kind.Kept > States / 4, $"{kind}: only {kind.Kept} states were kept"));
            foreach (var service in one.GetServices<IHostedService>().Concat(other.GetServices<IHostedService>()))
            {
                await service.StopAsync(CancellationToken.None);
            }
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"With WRITEBEHIND_STATES_SEED={_seed}: {e.Message}", e);
        }
    }

    private static async Task<ServiceProvider> StartAsync(
        List<MadeUpKind> kinds, string postgres, string prefix, string path, bool create)
    {
        var provider = await AdHocEngine.StartAsync(
            model =>
            {
                if (path == "generic")
                {
                    model.AddWriteBehindDocuments();
                    return;
                }

                kinds.ForEach(kind => kind.Map(model));
            },
            postgres,
            prefix,
            create,
            types => kinds.ForEach(kind => kind.Register(types)));
        kinds.ForEach(kind => Assert.Contains(
            path, kind.Describe(provider.GetRequiredService<IEntitySinkFactory>()), StringComparison.Ordinal));
        return provider;
    }
}

/// <summary>A made-up type of states, with what was acknowledged of each.</summary>
internal abstract class MadeUpKind
{
    public int Kept { get; protected set; }

    public abstract void Map(ModelBuilder model);

    public abstract void Register(WriteBehindBuilder builder);

    public abstract string Describe(IEntitySinkFactory factory);

    public abstract Task WriteAsync(IWriteBehindEngine engine, MadeUpValues values, int count);

    public abstract Task CompareAsync(IWriteBehindEngine engine, string from);

    public abstract Task WriteAgainAsync(IWriteBehindEngine engine);

    public abstract Task EvictAsync(IWriteBehindEngine engine);
}

/// <inheritdoc />
internal sealed class MadeUpKind<TState>(string name, AfterFlush afterFlush) : MadeUpKind
    where TState : class
{
    private readonly Dictionary<string, string> _acknowledged = [];

    public override void Map(ModelBuilder model)
    {
        var entity = model.Entity<TState>().ToTable(name).HasWriteBehindVersion();
        Columns(typeof(TState), entity.Property);
        if (typeof(TState).GetProperty("Values") is { } list)
        {
            var elements = entity.PrimitiveCollection(list.PropertyType, list.Name).ElementType();
            var element = list.PropertyType.GetGenericArguments()[0];
            elements.IsRequired(element.IsValueType && Nullable.GetUnderlyingType(element) is null);
            if (ConverterOf(element) is { } converter)
            {
                elements.HasConversion(converter);
            }
        }

        foreach (var part in typeof(TState).GetProperties().Where(static member => member.Name is "Part" or "Always"))
        {
            entity.OwnsOne(part.PropertyType, part.Name, owned => Columns(part.PropertyType, owned.Property));
            entity.Navigation(part.Name).IsRequired(part.Name == "Always");
        }

        if (typeof(TState).GetProperty("Parts") is { } parts)
        {
            var isJson = typeof(TState).Name.StartsWith("KeptWhole", StringComparison.Ordinal);
            entity.OwnsMany(parts.PropertyType.GetGenericArguments()[0], parts.Name, owned =>
            {
                Columns(parts.PropertyType.GetGenericArguments()[0], owned.Property);
                _ = isJson ? owned.ToJson() : owned.ToTable($"{name}_parts");
            });
        }
    }

    public override void Register(WriteBehindBuilder builder) => builder.AddEntity<TState>(
        name,
        type =>
        {
            (type.AfterFlush, type.Shards) = (afterFlush, 2);
            (type.FlushDelay, type.MaxAge) = (TimeSpan.FromMinutes(30), TimeSpan.FromHours(1));
        });

    public override string Describe(IEntitySinkFactory factory)
        => factory.Create(new EntityTypeOptions<TState>(name)).Description;

    public override async Task WriteAsync(IWriteBehindEngine engine, MadeUpValues values, int count)
    {
        var writes = Enumerable.Range(1, count).Select(id =>
        {
            var state = (TState)values.Object(typeof(TState), id: id);
            return WriteAsync(engine.Store<TState>(name), $"{id}", state, values.TakeIsBad());
        });
        await Task.WhenAll(writes.ToList());
        Kept = _acknowledged.Count;
    }

    public override async Task CompareAsync(IWriteBehindEngine engine, string from)
    {
        var read = await engine.Store<TState>(name).GetManyAsync([.. _acknowledged.Keys]);
        foreach (var (id, before) in _acknowledged)
        {
            var after = read.TryGetValue(id, out var entity) ? Told.Of(entity.State) : "nothing";
            Assert.True(before == after, $"{this}: {before} came out of {from} as {after}");
        }
    }

    /// <summary>What came out of a row is taken as it is.</summary>
    public override async Task WriteAgainAsync(IWriteBehindEngine engine)
    {
        foreach (var entity in (await engine.Store<TState>(name).GetManyAsync([.. _acknowledged.Keys.Take(5)])).Values)
        {
            await engine.Store<TState>(name).SetAsync(entity.Id, entity.State);
        }
    }

    public override async Task EvictAsync(IWriteBehindEngine engine)
        => await Task.WhenAll(_acknowledged.Keys.Select(id => engine.Store<TState>(name).EvictAsync(id)));

    public override string ToString() => Told.NameOf(typeof(TState));

    private async Task WriteAsync(IEntityStore<TState> store, string id, TState state, bool isBad)
    {
        var told = Told.Of(state);
        try
        {
            await store.SetAsync(id, state);
            lock (_acknowledged)
            {
                _acknowledged[id] = told;
            }
        }
        catch (PayloadException e)
        {
            Assert.Equal(PayloadProblem.NotSerializable, e.Problem);
            Assert.True(isBad, $"{this}: {told} was refused: {e.Message}");
        }
    }

    private static void Columns(Type owner, Func<Type, string, PropertyBuilder> property)
    {
        foreach (var member in owner.GetProperties().Where(static member => member.Name is "First" or "Second" or "Third" or "Value"))
        {
            var column = property(member.PropertyType, member.Name);
            if (!member.PropertyType.IsValueType)
            {
                column.IsRequired(false);
            }

            if (ConverterOf(member.PropertyType) is { } converter)
            {
                column.HasConversion(converter);
            }

            if (member.PropertyType == typeof(KeptShape))
            {
                column.HasColumnType("jsonb");
            }
        }
    }

    /// <summary>What EF Core knows no column for becomes a text.</summary>
    private static ValueConverter? ConverterOf(Type type) => type == typeof(KeptShape) ? new ShapeConverter()
        : (Nullable.GetUnderlyingType(type) ?? type) == typeof(KeptCode) ? new CodeConverter()
        : null;

    private sealed class ShapeConverter() : ValueConverter<KeptShape, string>(
        static shape => JsonSerializer.Serialize(shape, Json), static text => JsonSerializer.Deserialize<KeptShape>(text, Json)!)
    {
        private static readonly JsonSerializerOptions Json = new() { AllowOutOfOrderMetadataProperties = true };
    }

    private sealed class CodeConverter() : ValueConverter<KeptCode, string>(
        static code => new KeptCode(code.Area.Trim(), code.Number).ToString(), static text => KeptCode.Parse(text));
}
