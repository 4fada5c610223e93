using System.Buffers;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using WriteBehind.EntityFrameworkCore.Model;
using WriteBehind.EntityFrameworkCore.Saving;
using WriteBehind.States;

namespace WriteBehind.EntityFrameworkCore.Sink;

/// <summary>
/// What the serializer keeps of a state against what its table keeps. A member that only the table has comes out of Redis as its default,
/// and would overwrite the column; one that only the serializer has is gone once the state was flushed.
/// </summary>
internal static class MappedStates
{
    /// <exception cref="ConfigurationException">A member is kept by one of the two alone.</exception>
    public static void Check<TState>(EntityTypeOptions<TState> options, EntityMap map)
        where TState : class
    {
        if (options.Serializer is JsonStateSerializer<TState> json)
        {
            Check(map.EntityType, json.Proof.ContractOf, options.Type, map);
        }
    }

    /// <summary>Why the table can't hold the state; null where it can.</summary>
    public static string? Refuse<TState>(EntityTypeOptions<TState> options, BulkTable<TState>? table, TState state)
        where TState : class
    {
        if (table is not null)
        {
            return table.Columns.FirstOrDefault(column => column.HoldsNul(state)) is { } column
                ? NulText.Refusal($"column \"{column.Name}\"")
                : null;
        }

        if (options.Serializer.Format != JsonStateSerializer<TState>.JsonFormat)
        {
            return null;
        }

        var json = new ArrayBufferWriter<byte>();
        options.Serializer.Serialize(state, json);
        return NulText.PlaceIn(json.WrittenSpan) is { } place ? NulText.Refusal(place) : null;
    }

    private static void Check(ITypeBase mapped, Func<Type, JsonContract> contractOf, string type, EntityMap map)
    {
        var contract = contractOf(mapped.ClrType);
        if (contract.Faults.Count > 0)
        {
            // Said by the engine, for any sink.
            return;
        }

        var properties = mapped.GetProperties().Where(property => !property.IsShadowProperty() && !property.IsIndexerProperty()).ToList();
        foreach (var property in properties)
        {
            if (!IsFromElsewhere(property, map) && !contract.Members.Contains(property.Name))
            {
                throw new ConfigurationException(
                    property.Name,
                    $"The column of '{property.Name}' of {mapped.ClrType.Name} would be overwritten with a default: the member is " +
                    $"mapped, and not part of the serialised state of '{type}'. Take [JsonIgnore] away and give it a setter (where " +
                    "another member passes its value on, put [JsonIgnore] there instead); or leave it out of the model (Ignore).",
                    type);
            }
        }

        // What EF Core finds out with the first row: it reads lists and arrays, and nothing else that holds elements.
        if (properties.FirstOrDefault(property => !IsReadAsWritten(property)) is { } collection)
        {
            throw new ConfigurationException(
                collection.Name,
                $"'{collection.Name}' of {mapped.ClrType.Name} can't be kept in a column as a {collection.ClrType.Name}: EF Core reads " +
                "such columns as arrays and lists alone. Declare it as an array, a List, or an interface of List; or give it a value " +
                "converter (HasConversion).",
                type);
        }

        var complex = mapped.GetComplexProperties().ToList();
        var navigations = (mapped as IEntityType)?.GetNavigations().ToList() ?? [];
        HashSet<string> names =
        [
            .. mapped.GetProperties().Select(property => property.Name),
            .. complex.Select(property => property.Name),
            .. navigations.Select(navigation => navigation.Name),
            .. ((mapped as IEntityType)?.GetSkipNavigations() ?? []).Select(navigation => navigation.Name),
        ];
        if (contract.Stored.FirstOrDefault(member => !names.Contains(member)) is { } lost)
        {
            throw new ConfigurationException(
                lost,
                $"'{lost}' of {mapped.ClrType.Name} would be gone after a flush: it is part of the serialised state of '{type}', and no " +
                "column keeps it. Map it, or leave it out of the state with [JsonIgnore].",
                type);
        }

        foreach (var part in complex)
        {
            Check(part.ComplexType, contractOf, type, map);
        }

        foreach (var owned in navigations.Where(navigation => navigation.TargetEntityType.IsOwned() && !navigation.IsOnDependent))
        {
            Check(owned.TargetEntityType, contractOf, type, map);
        }
    }

    private static bool IsReadAsWritten(IProperty property)
        => property.GetElementType() is not { } element || property.GetValueConverter() is not null || property.ClrType.IsArray
            || property.ClrType.IsAssignableFrom(typeof(List<>).MakeGenericType(element.ClrType));

    /// <summary>
    /// Whether the value does not come from the state: the id gives the key, the engine the version, the database what it makes.
    /// </summary>
    private static bool IsFromElsewhere(IProperty property, EntityMap map)
        => property.IsPrimaryKey() || property == map.Version || EntityMapReader.IsLeftToDatabase(property)
            || (property.DeclaringType is IEntityType owned && owned.IsOwned() && property.IsForeignKey());
}

/// <summary>
/// Values that would be acknowledged and then not written, or not come back. Times that Npgsql does not write: those that are not in UTC
/// where the column keeps instants, and those in UTC where it keeps none. And what a converter gives back as another value than it took.
/// </summary>
internal sealed class MappedValues
{
    private readonly List<(IProperty Property, bool IsInstant)> _times = [];
    private readonly List<(IProperty Property, ValueConverter Converter)> _converted = [];
    private readonly List<(INavigation Part, List<IProperty> Columns)> _mayVanish = [];
    private readonly List<(IPropertyBase Member, MappedValues Values)> _parts = [];
    private readonly bool _isTracked;

    private MappedValues(ITypeBase type, bool isTracked)
    {
        _isTracked = isTracked;

        // The application may have told Npgsql to take what comes.
        var isStrict = !(AppContext.TryGetSwitch("Npgsql.EnableLegacyTimestampBehavior", out var isLegacy) && isLegacy);
        foreach (var property in type.GetProperties().Where(property => !property.IsShadowProperty() && !property.IsPrimaryKey()))
        {
            var time = property.GetElementType()?.ClrType ?? property.ClrType;
            time = Nullable.GetUnderlyingType(time) ?? time;

            // What is kept as JSON is a text there.
            if ((time == typeof(DateTime) || (time == typeof(DateTimeOffset) && isTracked)) && property.GetValueConverter() is null
                && isStrict && !type.IsMappedToJson()
                && property.GetRelationalTypeMapping().StoreType is var column
                && column.StartsWith("timestamp", StringComparison.OrdinalIgnoreCase))
            {
                _times.Add((property, column.Contains("with time zone", StringComparison.OrdinalIgnoreCase)));
            }

            if (property.GetTypeMapping().Converter is { } converter && MayLose(converter.GetType()))
            {
                _converted.Add((property, converter));
            }
        }

        var owned = (type as IEntityType)?.GetNavigations().Where(OwnedGraph.IsOwning).ToList() ?? [];
        _mayVanish.AddRange(owned.Where(MayVanish).Select(part => (part, ColumnsOf(part).ToList())));
        _parts.AddRange(owned
            .Select(part => ((IPropertyBase)part, new MappedValues(part.TargetEntityType, isTracked)))
            .Concat(type.GetComplexProperties()
                .Select(part => ((IPropertyBase)part, new MappedValues(part.ComplexType, isTracked))))
            .Where(part => !part.Item2.IsEmpty));
    }

    private bool IsEmpty => _times.Count + _converted.Count + _mayVanish.Count + _parts.Count == 0;

    /// <summary>The values of a table that have to be looked at; null where it has none.</summary>
    public static MappedValues? Of(EntityMap map)
        => new MappedValues(map.EntityType, map.TrackedReasons.Count > 0) is { IsEmpty: false } values ? values : null;

    /// <summary>Why the table can't hold one of the state's values; null where it can hold them all.</summary>
    public string? Refuse(object state)
    {
        foreach (var (property, isInstant) in _times)
        {
            var value = property.GetGetter().GetClrValue(state);
            if (value is System.Collections.IEnumerable many
                ? many.Cast<object?>().Any(element => IsUnfit(element, isInstant))
                : IsUnfit(value, isInstant))
            {
                return $"the time in '{property.Name}' is {(isInstant ? "not in UTC" : "in UTC")}, and a column of type " +
                    $"{property.GetRelationalTypeMapping().StoreType} takes no such times. Way out: " +
                    (isInstant ? "convert it (ToUniversalTime), or map it to another type of column." : "map it to timestamptz.");
            }
        }

        foreach (var (member, columns) in _mayVanish)
        {
            if (member.GetGetter().GetClrValue(state) is { } part
                && columns.TrueForAll(column => column.GetGetter().GetClrValue(part) is null))
            {
                return $"'{member.Name}' holds nothing but nulls, and its columns can't tell that from none. Way out: put null in its " +
                    $"place, make it required (Navigation(\"{member.Name}\").IsRequired()), or give it a member that is.";
            }
        }

        return _converted.Select(member => RefuseConverted(member.Property, member.Converter, state))
            .Concat(_parts.Select(part => part.Member.GetGetter().GetClrValue(state) switch
            {
                null => null,
                System.Collections.IEnumerable many
                    => many.Cast<object>().Select(part.Values.Refuse).FirstOrDefault(found => found is not null),
                var value => part.Values.Refuse(value),
            }))
            .FirstOrDefault(found => found is not null);
    }

    /// <summary>Whether a part is there only where one of its columns, which it has in its owner's table, is not null.</summary>
    private static bool MayVanish(INavigation part)
        => !part.IsCollection && !part.ForeignKey.IsRequiredDependent && !part.TargetEntityType.IsMappedToJson()
            && part.TargetEntityType.GetTableName() == part.DeclaringEntityType.GetTableName()
            && part.TargetEntityType.GetSchema() == part.DeclaringEntityType.GetSchema()
            && ColumnsOf(part).All(static column => column.IsNullable && !column.IsShadowProperty());

    private static IEnumerable<IProperty> ColumnsOf(INavigation part)
        => part.TargetEntityType.GetProperties().Where(static property => !property.IsPrimaryKey());

    /// <summary>Whether a converter may give back another value: the application's, and those of EF Core that cut or reformat.</summary>
    private static bool MayLose(Type converter)
        => converter.Namespace != typeof(ValueConverter).Namespace
            || (converter.IsGenericType && converter.GetGenericTypeDefinition() is var kind
                && (kind == typeof(ValueConverter<,>) || kind == typeof(CastingConverter<,>)))
            || converter == typeof(DateTimeOffsetToBinaryConverter);

    private static string? RefuseConverted(IProperty property, ValueConverter converter, object state)
    {
        if (property.GetGetter().GetClrValue(state) is not { } value)
        {
            return null;
        }

        try
        {
            var back = converter.ConvertFromProvider(converter.ConvertToProvider(value));
            return Equals(value, back) || new GraphComparer().Difference(value, back, property.Name) is not { } difference
                ? null
                : $"{difference}, by the converter of its column. Way out: mend the converter (HasConversion), or put into the state " +
                  "what it gives back.";
        }
#pragma warning disable CA1031 // Whatever the application's converter throws, the flush would meet it too.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return $"the converter of the column of '{property.Name}' does not take it: {e.Message} Way out: mend the converter.";
        }
    }

    private bool IsUnfit(object? value, bool isInstant) => value switch
    {
        // They are the infinite ones of PostgreSQL, which have no zone, and come back without.
        DateTime time when IsInfinite(time) => false,
        DateTime time => isInstant != (time.Kind == DateTimeKind.Utc),

        // In bulk the instant is written; SaveChanges refuses another offset.
        DateTimeOffset time => _isTracked && isInstant && time.Offset != TimeSpan.Zero,
        _ => false,
    };

    private static bool IsInfinite(DateTime time)
        => (time == DateTime.MinValue || time == DateTime.MaxValue)
            && !(AppContext.TryGetSwitch("Npgsql.DisableDateTimeInfinityConversions", out var isOff) && isOff);
}
