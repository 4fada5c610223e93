using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;
using WriteBehind.EntityFrameworkCore.Sql;

namespace WriteBehind.EntityFrameworkCore.Model;

/// <summary>Reads an <see cref="EntityMap"/> from a model, and refuses what can't be flushed without losing state.</summary>
internal sealed class EntityMapReader(string type, IEntityType entity)
{
    private readonly string _name = entity.DisplayName();

    /// <exception cref="ConfigurationException">The mapping can't be worked with; the message says what to change.</exception>
    public EntityMap Read()
    {
        var table = entity.GetTableName() ?? throw Refuse(
            "ToTable", "it is not mapped to a table (a view or a query can't be written). Map it with ToTable.");
        var schema = entity.GetSchema();
        var primaryKey = entity.FindPrimaryKey() ?? throw Refuse("HasKey", "it has no key. Give it one with HasKey.");
        RefuseNavigationsThatWouldBeLost();

        var version = FindVersion();
        var stored = StoreObjectIdentifier.Table(table, schema);
        if (version.GetColumnName(stored) is null)
        {
            // A leaf of a hierarchy whose types have a table each: the version, which guards the row, is in the root's.
            var root = entity.GetTableMappings().Select(mapping => mapping.Table).FirstOrDefault(
                candidate => version.GetColumnName(StoreObjectIdentifier.Table(candidate.Name, candidate.Schema)) is not null);
            (table, schema) = (root?.Name ?? table, root is null ? schema : root.Schema);
            stored = StoreObjectIdentifier.Table(table, schema);
        }

        var properties = new List<MappedProperty>();
        var left = new List<IProperty>();
        foreach (var property in entity.GetProperties().Where(p => !p.IsPrimaryKey() && p != version))
        {
            if (IsLeftToDatabase(property))
            {
                left.Add(property);
            }
            else
            {
                properties.Add(new MappedProperty(
                    property,
                    property.GetColumnName(stored),
                    PropertyReader.Member(property) is null ? null : WireType.Find(property.GetRelationalTypeMapping()),
                    property.GetAfterSaveBehavior() == PropertySaveBehavior.Ignore));
            }
        }

        string[] reasons = [.. TrackedReasons.Of(entity, properties)];
        var columns = primaryKey.Properties.Select(p => KeyColumnOf(p, p.GetColumnName(stored)!, isTracked: reasons.Length > 0));
        return new EntityMap(
            entity,
            SqlName.Table(schema, table),
            primaryKey.Properties,
            new TableKey([.. columns]),
            version,
            version.GetColumnName(stored)!,
            properties,
            left,
            reasons);
    }

    private IProperty FindVersion()
        => entity.GetProperties().SingleOrDefault(p => p.FindAnnotation(WriteBehindAnnotations.Version) is not null) ?? throw Refuse(
            "HasWriteBehindVersion",
            "it has no version, without which a late flush could overwrite a newer row. Call " +
            $"modelBuilder.Entity<{_name}>().HasWriteBehindVersion() in OnModelCreating, which adds a bigint column (default 0) " +
            "and needs a migration; to use a long property of the class, name it: HasWriteBehindVersion(x => x.Version).");

    /// <summary>
    /// Shadow properties have no value in the state. Of the generated ones, a constant default counts as a value like any other (the
    /// state has one and is what readers saw); whatever the database computes, counts or takes from its clock stays with it.
    /// </summary>
    public static bool IsLeftToDatabase(IProperty property)
        => property.IsShadowProperty()
            || property.GetBeforeSaveBehavior() == PropertySaveBehavior.Ignore
            || property.ValueGenerated.HasFlag(ValueGenerated.OnUpdate)
            || (property.ValueGenerated == ValueGenerated.OnAdd
                && (property.GetDefaultValueSql() is not null
                    || property.GetValueGenerationStrategy() != NpgsqlValueGenerationStrategy.None));

    private KeyColumn KeyColumnOf(IProperty property, string column, bool isTracked)
    {
        var mapping = property.GetRelationalTypeMapping();
        var wire = WireType.Find(mapping) ?? throw RefuseKey(property, mapping.StoreType);
        var provider = mapping.Converter?.ProviderClrType ?? mapping.ClrType;

        // char(n) pads, citext folds case: two ids would name one row.
        var isExactText = mapping.StoreTypeNameBase is "text" or "varchar" or "character varying";
        return provider == typeof(int) ? Column<int>(KeyText.ReadInteger)
            : provider == typeof(long) ? Column<long>(KeyText.ReadInteger)
            : provider == typeof(short) ? Column<short>(KeyText.ReadInteger)
            : provider == typeof(byte) ? Column<short>(KeyText.ReadSmall<byte>, static value => (byte)value)
            : provider == typeof(sbyte) ? Column<short>(KeyText.ReadSmall<sbyte>, static value => (sbyte)value)
            : provider == typeof(Guid) ? Column<Guid>(KeyText.ReadGuid)
            : provider == typeof(DateOnly) ? Column<DateOnly>(KeyText.ReadDate)
            : provider == typeof(DateTime) && wire.SqlType == "timestamptz" && (mapping.Precision ?? 6) == 6
                ? Column<DateTime>(KeyText.ReadInstant)
            : provider == typeof(string) && isExactText ? Column(KeyText.TextReader(mapping.Size ?? property.GetMaxLength()))
            : throw RefuseKey(property, mapping.StoreType);

        KeyColumn<T> Column<T>(KeyReader<T> read, Func<T, object>? provided = null)
            where T : notnull
            => new(
                column,
                wire.SqlType,
                wire.DbType,
                isTracked && property.ValueGenerated == ValueGenerated.OnAdd ? RefuseUnset(read) : read,
                mapping.Converter,
                provided);
    }

    /// <summary>SaveChanges takes 0 and the empty Guid for a key that is not set yet, and would generate another.</summary>
    private static KeyReader<T> RefuseUnset<T>(KeyReader<T> read)
        where T : notnull
    {
        return Read;

        string? Read(string text, out T value)
            => read(text, out value)
                ?? (EqualityComparer<T>.Default.Equals(value, default) ? $"EF Core takes '{text}' for a key that is not set yet." : null);
    }

    /// <summary>
    /// A navigation that the state serialises but a flush can't save would lose acknowledged data. Rows of entities of their own are
    /// not saved along: replacing them by what one state holds would delete rows that others own.
    /// </summary>
    private void RefuseNavigationsThatWouldBeLost()
    {
        foreach (var navigation in entity.GetNavigations().Where(n => !n.TargetEntityType.IsOwned() && StateMembers.IsSerialised(n)))
        {
            if (!navigation.IsOnDependent)
            {
                throw RefuseNavigation(navigation, "own it with OwnsOne or OwnsMany, so that it is part of the entity");
            }

            if (navigation.ForeignKey.Properties.Any(p => p.IsShadowProperty()))
            {
                throw RefuseNavigation(navigation, "give the class a property for its foreign key");
            }
        }

        foreach (var navigation in entity.GetSkipNavigations().Where(StateMembers.IsSerialised))
        {
            throw RefuseNavigation(navigation, "write the join table's rows as entities of their own");
        }
    }

    private ConfigurationException RefuseNavigation(INavigationBase navigation, string remedy) => Refuse(
        navigation.Name,
        $"its navigation '{navigation.Name}' to {navigation.TargetEntityType.DisplayName()} is part of the state, and a flush does not " +
        $"save other entities. Either {remedy}, or keep it out of the state with [JsonIgnore].");

    private ConfigurationException RefuseKey(IProperty property, string storeType) => Refuse(
        property.Name,
        $"its key property '{property.Name}' is stored as {storeType}. Keys may be smallint, integer, bigint, uuid, text, " +
        "varchar, date (of a DateOnly) or timestamptz (of a DateTime), also through a value converter: only there one id text names one " +
        "row. Choose another key, or leave the type unmapped and use the generic table.");

    private ConfigurationException Refuse(string setting, string reason)
        => new(setting, $"Entity type '{type}' can't be saved as {_name}: {reason}", type);
}

/// <summary>Why an entity type can't be carried by arrays, as the parts of a sentence; none where it can.</summary>
internal static class TrackedReasons
{
    public static IEnumerable<string> Of(IEntityType entity, IReadOnlyList<MappedProperty> properties)
    {
        if (entity.BaseType is not null || entity.GetDirectlyDerivedTypes().Any())
        {
            yield return "it is part of an inheritance hierarchy";
        }

        if (entity.GetMappingFragments(StoreObjectType.Table).Any())
        {
            yield return "it is split over several tables";
        }

        if ((entity.GetInsertStoredProcedure() ?? entity.GetUpdateStoredProcedure() ?? entity.GetDeleteStoredProcedure()) is not null)
        {
            yield return "it is written by stored procedures";
        }

        foreach (var owned in entity.GetNavigations().Where(n => n.TargetEntityType.IsOwned()))
        {
            yield return $"{owned.Name} is an owned type";
        }

        foreach (var complex in entity.GetComplexProperties())
        {
            yield return $"{complex.Name} is a complex type";
        }

        foreach (var property in properties)
        {
            if (property.Property.GetRelationalTypeMapping().Converter is { ConvertsNulls: true })
            {
                yield return $"the converter of {property.Property.Name} converts nulls";
            }
            else if (property.Property.IsIndexerProperty())
            {
                yield return $"{property.Property.Name} is an indexer property";
            }
            else if (property.Wire is null)
            {
                yield return $"{property.Property.Name} ({property.Property.GetRelationalTypeMapping().StoreType}) does not fit into an " +
                    "array";
            }
            else if (property.Property.GetAfterSaveBehavior() == PropertySaveBehavior.Throw && !property.Property.IsKey())
            {
                yield return $"{property.Property.Name} must not change after the insert";
            }
        }
    }
}
