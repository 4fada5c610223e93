using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
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
    IServiceScopeFactory scopes, IOptions<EntityFrameworkSinkOptions> options, TimeProvider? time = null, ILoggerFactory? loggers = null)
    : IEntitySinkFactory
    where TContext : DbContext
{
    private readonly ContextSource<TContext> _contexts = new(scopes);
    private readonly PoolerWatch _poolers = new(loggers);
    private readonly bool _prepare = options.Value.PrepareStatements;
    private readonly ConcurrentDictionary<string, string> _tables = new(StringComparer.Ordinal);

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
        MappedStates.Check(options, map);
        var tables = ExpectedTable.Of(map);
        foreach (var table in tables.Select(table => table.Name))
        {
            if (_tables.GetOrAdd(table, options.Type) is var other && other != options.Type)
            {
                throw new ConfigurationException(
                    "AddEntity",
                    $"Entity types '{other}' and '{options.Type}' are both kept in table {table}: a delete of one would take the other's " +
                    "row, and their versions are not one. Register one of them, or give each a table of its own.",
                    options.Type);
            }
        }

        var source = RowSource.Of<TState>(map, options.Type);
        var flushLock = FlushLock.Of(map.Table);
        var bulk = map.TrackedReasons.Count == 0 ? BulkTable<TState>.From(map) : null;
        ISaver<TState> saver = bulk is not null
            ? new BulkSaver<TState>(options.Type, bulk, flushLock, _prepare, _poolers)
            : new TrackedSaver<TState>(options.Type, map, source, new StateCopier<TState>(options.Serializer), flushLock);
        return new EntityFrameworkSink<TState>(
            options.Type,
            map.Describe(),
            _contexts,
            map.Key,
            saver,
            new ModelLoader<TState>(map, source),
            new VersionLoader(map.Key, BulkStatements.PlainLookUp(map.Table, map.Key, map.VersionColumn)),
            new CatalogueCheck(options.Type, tables),
            state => MappedStates.Refuse(options, bulk, state),
            MappedValues.Of(map) is { } values ? values.Refuse : null,
            new StuckFlushers(flushLock, options.Lease),
            _poolers,
            time ?? TimeProvider.System);
    }

    private EntityFrameworkSink<TState> CreateGeneric<TState>(EntityTypeOptions<TState> options, IEntityType documents)
        where TState : class
    {
        var table = new DocumentTable<TState>(options, documents);
        var bulk = table.ToBulkTable();
        var flushLock = FlushLock.Of(table.Name, table.Type);
        return new EntityFrameworkSink<TState>(
            options.Type,
            $"table {table.Name} (generic: key type, id; {typeof(TState).Name} is not mapped) by bulk upsert",
            _contexts,
            table.Key,
            new BulkSaver<TState>(options.Type, bulk, flushLock, _prepare, _poolers),
            new DocumentLoader<TState>(table),
            new VersionLoader(table.Key, BulkStatements.Of(bulk).LookUp),
            new CatalogueCheck(options.Type, [ExpectedTable.OfDocuments(documents)]),
            table.Check,
            null,
            new StuckFlushers(flushLock, options.Lease),
            _poolers,
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
