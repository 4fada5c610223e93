using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;
using WriteBehind.EntityFrameworkCore.Loading;
using WriteBehind.EntityFrameworkCore.Model;
using WriteBehind.EntityFrameworkCore.Saving;
using WriteBehind.EntityFrameworkCore.Sql;
using WriteBehind.EntityFrameworkCore.Verification;

namespace WriteBehind.EntityFrameworkCore.Sink;

/// <summary>
/// Makes the sink of each entity type from the model of a context: bulk where arrays can carry it, tracked or generic where not.
/// </summary>
internal sealed class EntityFrameworkSinkFactory<TContext>(
    IServiceScopeFactory scopes, IOptions<EntityFrameworkSinkOptions> options, TimeProvider? time = null) : IEntitySinkFactory
    where TContext : DbContext
{
    private readonly ContextSource<TContext> _contexts = new(scopes);
    private readonly bool _prepare = options.Value.PrepareStatements;

    public IEntitySink<TState> Create<TState>(EntityTypeOptions<TState> options)
        where TState : class
    {
        ArgumentNullException.ThrowIfNull(options);
        var model = ReadModel();
        return model.FindEntityType(typeof(TState)) is { } mapped && !mapped.IsOwned()
            ? CreateMapped(options, new EntityMapReader(options.Type, mapped).Read())
            : CreateGeneric(options, model.FindEntityType(typeof(WriteBehindDocument)) ?? throw new ConfigurationException(
                "UseEntityFramework",
                $"Entity type '{options.Type}': {typeof(TState).Name} is not mapped in {typeof(TContext).Name}. Either map it " +
                $"(modelBuilder.Entity<{typeof(TState).Name}>().HasWriteBehindVersion()), or map the generic table, which takes the " +
                "states of any type as jsonb (modelBuilder.AddWriteBehindDocuments()).",
                options.Type));
    }

    private EntityFrameworkSink<TState> CreateMapped<TState>(EntityTypeOptions<TState> options, EntityMap map)
        where TState : class
    {
        var source = RowSource.Of<TState>(map, options.Type);
        var flushLock = FlushLock.Of(map.Table);
        ISaver<TState> saver = map.TrackedReasons.Count == 0
            ? new BulkSaver<TState>(options.Type, BulkTable<TState>.From(map), flushLock, _prepare)
            : new TrackedSaver<TState>(options.Type, map, source, new StateCopier<TState>(options.Serializer), flushLock);
        return new EntityFrameworkSink<TState>(
            options.Type,
            map.Describe(),
            _contexts,
            map.Key,
            saver,
            new ModelLoader<TState>(map, source),
            new VersionLoader(map.Key, BulkStatements.PlainLookUp(map.Table, map.Key, map.VersionColumn)),
            new CatalogueCheck(options.Type, ExpectedTable.Of(map)),
            time ?? TimeProvider.System);
    }

    private EntityFrameworkSink<TState> CreateGeneric<TState>(EntityTypeOptions<TState> options, IEntityType documents)
        where TState : class
    {
        var table = new DocumentTable<TState>(options, documents);
        var bulk = table.ToBulkTable();
        return new EntityFrameworkSink<TState>(
            options.Type,
            $"table {table.Name} (generic: key type, id; {typeof(TState).Name} is not mapped) by bulk upsert",
            _contexts,
            table.Key,
            new BulkSaver<TState>(options.Type, bulk, FlushLock.Of(table.Name, table.Type), _prepare),
            new DocumentLoader<TState>(table),
            new VersionLoader(table.Key, BulkStatements.Of(bulk).LookUp),
            new CatalogueCheck(options.Type, [ExpectedTable.OfDocuments(documents)]),
            time ?? TimeProvider.System);
    }

    private IModel ReadModel()
    {
        using var rented = _contexts.Rent();

        // Multiplexing sends the statements of many callers over one connection, where a transaction must not be begun in SQL.
        return new NpgsqlConnectionStringBuilder(rented.Connection.ConnectionString).Multiplexing
            ? throw new ConfigurationException(
                "Multiplexing",
                $"The connection string of {typeof(TContext).Name} has Multiplexing=true, which flushes can't work with. Take it out.")
            : rented.Context.Model;
    }
}
