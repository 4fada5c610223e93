using System.Linq.Expressions;
using System.Text.Json;
using Microsoft.EntityFrameworkCore.Storage;
using NpgsqlTypes;

namespace WriteBehind.EntityFrameworkCore.Model;

/// <summary>How the values of a column travel to PostgreSQL in an array.</summary>
/// <param name="SqlType">
/// The element type in SQL. Never with a length or precision: a cast to <c>varchar(5)[]</c> would cut values silently, while
/// the assignment to the column refuses them.
/// </param>
/// <param name="DbType">The same for the driver.</param>
/// <param name="ClrType">The CLR type of an element.</param>
/// <param name="Adapt">From the mapping's provider type to <paramref name="ClrType"/>; null where they are the same.</param>
internal sealed record WireType(string SqlType, NpgsqlDbType DbType, Type ClrType, LambdaExpression? Adapt = null)
{
    /// <summary>The wire type of a mapping; null where arrays can't carry it.</summary>
    public static WireType? Find(RelationalTypeMapping mapping)
    {
        var provider = mapping.Converter?.ProviderClrType ?? mapping.ClrType;
        provider = Nullable.GetUnderlyingType(provider) ?? provider;
        return mapping.StoreTypeNameBase.ToLowerInvariant() switch
        {
            "smallint" or "int2" => Is<short>(provider, "smallint", NpgsqlDbType.Smallint)
                ?? From<byte, short>(provider, "smallint", NpgsqlDbType.Smallint, static v => v)
                ?? From<sbyte, short>(provider, "smallint", NpgsqlDbType.Smallint, static v => v),
            "integer" or "int" or "int4" => Is<int>(provider, "integer", NpgsqlDbType.Integer),
            "bigint" or "int8" => Is<long>(provider, "bigint", NpgsqlDbType.Bigint),
            "real" or "float4" => Is<float>(provider, "real", NpgsqlDbType.Real),
            "double precision" or "float8" => Is<double>(provider, "double precision", NpgsqlDbType.Double),
            "numeric" or "decimal" => Is<decimal>(provider, "numeric", NpgsqlDbType.Numeric),
            "boolean" or "bool" => Is<bool>(provider, "boolean", NpgsqlDbType.Boolean),
            "text" or "character varying" or "varchar" or "character" or "char" or "bpchar" or "citext"
                => Is<string>(provider, "text", NpgsqlDbType.Text)
                ?? From<char, string>(provider, "text", NpgsqlDbType.Text, static v => v.ToString()),
            "json" => Json(provider, "json", NpgsqlDbType.Json),
            "jsonb" => Json(provider, "jsonb", NpgsqlDbType.Jsonb),
            "uuid" => Is<Guid>(provider, "uuid", NpgsqlDbType.Uuid),
            "bytea" => Is<byte[]>(provider, "bytea", NpgsqlDbType.Bytea),
            "date" => Is<DateOnly>(provider, "date", NpgsqlDbType.Date) ?? Is<DateTime>(provider, "date", NpgsqlDbType.Date),
            "time" or "time without time zone" => Is<TimeOnly>(provider, "time", NpgsqlDbType.Time)
                ?? Is<TimeSpan>(provider, "time", NpgsqlDbType.Time),
            "interval" => Is<TimeSpan>(provider, "interval", NpgsqlDbType.Interval),
            "timestamp" or "timestamp without time zone" => Is<DateTime>(provider, "timestamp", NpgsqlDbType.Timestamp),

            // The column keeps the instant, not the offset, and the driver takes offset 0 only.
            "timestamptz" or "timestamp with time zone" => Is<DateTime>(provider, "timestamptz", NpgsqlDbType.TimestampTz)
                ?? From<DateTimeOffset, DateTimeOffset>(provider, "timestamptz", NpgsqlDbType.TimestampTz, static v => v.ToUniversalTime()),
            _ => null,
        };
    }

    private static WireType? Json(Type provider, string sqlType, NpgsqlDbType dbType)
        => Is<string>(provider, sqlType, dbType) ?? Is<JsonDocument>(provider, sqlType, dbType)
            ?? Is<JsonElement>(provider, sqlType, dbType);

    private static WireType? Is<T>(Type provider, string sqlType, NpgsqlDbType dbType)
        => provider == typeof(T) ? new WireType(sqlType, dbType, typeof(T)) : null;

    private static WireType? From<TProvider, T>(Type provider, string sqlType, NpgsqlDbType dbType, Expression<Func<TProvider, T>> adapt)
        => provider == typeof(TProvider) ? new WireType(sqlType, dbType, typeof(T), adapt) : null;
}
