using WriteBehind.EntityFrameworkCore.Mapping;

namespace WriteBehind.EntityFrameworkCore.Loading;

/// <summary>Chooses how the rows of a mapped type are queried.</summary>
internal static class RowSource
{
    /// <exception cref="ConfigurationException">A composite key over several tables: no one query of ours can ask for its rows.</exception>
    public static IRowSource<TState> Of<TState>(EntityMap map, string type)
        where TState : class
    {
        if (map.KeyProperties.Count == 1)
        {
            var source = typeof(SingleKeyRows<,>).MakeGenericType(typeof(TState), map.KeyProperties[0].ClrType);
            return (IRowSource<TState>)Activator.CreateInstance(source, map)!;
        }

        return map.SpansTables
            ? throw new ConfigurationException(
                "HasKey",
                $"Entity type '{type}' can't be loaded: {map.EntityType.Name} has a key of several columns and is spread over several tables. " +
                "Give it a key of one column, or keep it in one table.",
                type)
            : new CompositeKeyRows<TState>(map);
    }
}
