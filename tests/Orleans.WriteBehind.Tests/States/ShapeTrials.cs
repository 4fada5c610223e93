using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Orleans.WriteBehind.Tests.Storage;
using WriteBehind;
using WriteBehind.Buffer;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests.States;

/// <summary>Through the payload that Redis keeps and a row, by the sink alone.</summary>
internal abstract class RowTrial(string connectionString) : IShapeTrial
{
    protected const string AtStart = "refused at start";
    protected const string AtTheWrite = "refused at the write";
    protected const string ComesBack = "comes back";

    private int _tables;

    public abstract Task<string> RunAsync<T>(Shape<T> shape);

    protected async Task<string> RunAsync<TState>(TState state, Action<ModelBuilder, string> build, string path)
        where TState : class
    {
        var table = $"{path.Split(' ')[^1]}_{++_tables}".ToLowerInvariant();
        var services = new ServiceCollection();
        services.AddSingleton(new ShapeModel(model => build(model, table)));
        services.AddDbContext<ShapeContext>(options => options.UseNpgsql(connectionString));
        services.AddWriteBehind().UseEntityFramework<ShapeContext>();
        await using var provider = services.BuildServiceProvider();
        var options = new EntityTypeOptions<TState>("shape");
        IEntitySink<TState> sink;
        PayloadCodec<TState> codec;
        try
        {
            sink = provider.GetRequiredService<IEntitySinkFactory>().Create(options);
            codec = new PayloadCodec<TState>(options, sink.CheckState, sink.CheckEveryState);
            if (codec.Faults.Count > 0)
            {
                return AtStart;
            }
        }
        catch (Exception e) when (e is ConfigurationException or InvalidOperationException or ArgumentException or NotSupportedException)
        {
            // What can't be mapped EF Core itself refuses.
            return AtStart;
        }

        if (!sink.Description.Contains(path, StringComparison.Ordinal))
        {
            return "goes the tracked path";
        }

        await using (var scope = provider.CreateAsyncScope())
        {
            var creator = scope.ServiceProvider.GetRequiredService<ShapeContext>().GetService<IRelationalDatabaseCreator>();
            try
            {
                await creator.CreateTablesAsync();
            }
            catch (PostgresException)
            {
                return AtStart;
            }
        }

        await sink.VerifyAsync(CancellationToken.None);
        return await KeepAsync(sink, codec, state);
    }

    private static async Task<string> KeepAsync<TState>(IEntitySink<TState> sink, PayloadCodec<TState> codec, TState state)
        where TState : class
    {
        TState? last = null;
        try
        {
            // Not among the first of its type, which are read back.
            for (var i = 0; i < 20; i++)
            {
                last = codec.Decode("1", codec.Encode("1", state));
            }
        }
        catch (PayloadException e) when (e.Problem == PayloadProblem.NotSerializable)
        {
            return AtTheWrite;
        }

        if (SameGraph.Difference(state, last) is { } lost)
        {
            return $"LOST in Redis: {lost}";
        }

        var deadline = (await sink.ReadClockAsync(CancellationToken.None)).At.AddSeconds(30);
        try
        {
            var result = await sink.SaveAsync(
                [new SaveItem<TState>("1", 1, last)], deadline, TimeSpan.FromSeconds(10), CancellationToken.None);
            if (result[0].Outcome != SaveOutcome.Applied)
            {
                return $"NOT FLUSHED: {result[0].Error?.Message}";
            }
        }
        catch (SinkException e)
        {
            return $"NOT FLUSHED: {e.Message}";
        }

        var row = Assert.Single(await sink.LoadAsync(["1"], CancellationToken.None));
        return SameGraph.Difference(state, row.State) is not { } other ? ComesBack
            : state is Held<DateTimeOffset> { Value: var moment } && row.State is Held<DateTimeOffset> found && moment == found.Value
                ? "comes back in UTC"
            : $"LOST in the row: {other}";
    }
}

/// <summary>A table written with arrays.</summary>
internal sealed class BulkTrial(string connectionString) : RowTrial(connectionString)
{
    public override Task<string> RunAsync<T>(Shape<T> shape) => RunAsync(
        new Held<T> { Id = 1, Value = shape.Value },
        static (model, table) => model.Entity<Held<T>>().ToTable(table).HasWriteBehindVersion(),
        "by bulk upsert");
}

/// <summary>A table written by SaveChanges.</summary>
internal sealed class TrackedTrial(string connectionString) : RowTrial(connectionString)
{
    public override Task<string> RunAsync<T>(Shape<T> shape) => RunAsync(
        new HeldWhole<T> { Id = 1, Value = shape.Value, Part = { Name = "x" } },
        (model, table) => model.Entity<HeldWhole<T>>(entity =>
        {
            entity.ToTable(table).HasWriteBehindVersion();
            entity.OwnsOne(x => x.Part);
            if (shape.IsPart)
            {
                entity.OwnsOne(typeof(T), nameof(HeldWhole<>.Value)).ToJson();
            }
        }),
        "by SaveChanges");
}

/// <summary>The generic table.</summary>
internal sealed class GenericTrial(string connectionString) : RowTrial(connectionString)
{
    public override Task<string> RunAsync<T>(Shape<T> shape) => RunAsync(
        new Held<T> { Id = 1, Value = shape.Value },
        static (model, table) => model.AddWriteBehindDocuments(table),
        "generic");
}

/// <summary>A storage provider: written, flushed, and read from PostgreSQL.</summary>
internal sealed class ProviderTrial(StorageSilo silo, string provider) : IShapeTrial
{
    public async Task<string> RunAsync<T>(Shape<T> shape)
    {
        var storage = silo.StorageOf(provider);
        var id = GrainId.Create("shape", SharedServers.FreshName("key"));
        var state = new GrainState<Held<T>>(new Held<T> { Id = 1, Value = shape.Value });
        try
        {
            for (var i = 0; i < 10; i++)
            {
                await storage.WriteStateAsync("shape", id, state);
            }
        }
        catch (PayloadException e) when (e.Problem == PayloadProblem.NotSerializable)
        {
            return "refused at the write";
        }

        var buffered = new GrainState<Held<T>>();
        await storage.ReadStateAsync("shape", id, buffered);
        await silo.FlushIfAsync(true);
        var read = new GrainState<Held<T>>();
        await storage.ReadStateAsync("shape", id, read);
        return SameGraph.Difference(shape.Value, buffered.State!.Value) is { } early ? $"LOST in Redis: {early}"
            : SameGraph.Difference(shape.Value, read.State!.Value) is { } late ? $"LOST in the row: {late}"
            : "comes back";
    }
}

internal sealed class ShapeModel(Action<ModelBuilder> build)
{
    public void Build(ModelBuilder model) => build(model);
}

internal sealed class ShapeContext(DbContextOptions<ShapeContext> options, ShapeModel model) : DbContext(options)
{
    public ShapeModel ShapeModel => model;

    protected override void OnModelCreating(ModelBuilder modelBuilder) => model.Build(modelBuilder);

    protected override void OnConfiguring(DbContextOptionsBuilder optionsBuilder)
        => optionsBuilder.ReplaceService<IModelCacheKeyFactory, ShapeModelKey>();
}

internal sealed class ShapeModelKey : IModelCacheKeyFactory
{
    public object Create(DbContext context, bool designTime) => (((ShapeContext)context).ShapeModel, designTime);
}
