using System.Collections.Immutable;
using System.Globalization;
using WriteBehind.EntityFrameworkCore.Tests.Models;

namespace WriteBehind.EntityFrameworkCore.Tests.Support;

/// <summary>Makes up types and values of them from a seed, odd values among them.</summary>
internal sealed class MadeUpValues(int seed)
    : Random(seed)
{
    private static readonly string[] Odd =
        ["", " ", "  a ", "\\u0000", "\"", "Привет", "🦊", "\uFFFD", "\u2028", "a\nb\tc", "{}", "null", "'; --", "$type"];

    private static readonly string[] Bad = ["bad \0 nul", "bad \uD83D half"];

    private static readonly Type[] ColumnTypes =
    [
        typeof(int), typeof(long), typeof(short), typeof(byte), typeof(uint), typeof(ulong), typeof(decimal), typeof(double), typeof(float),
        typeof(bool), typeof(Guid), typeof(DateOnly), typeof(TimeOnly), typeof(DateTime), typeof(DateTimeOffset), typeof(TimeSpan),
        typeof(char), typeof(DayOfWeek), typeof(KeptCode), typeof(string), typeof(byte[]), typeof(Uri), typeof(KeptShape),
    ];

    private static readonly Type[] KeyTypes =
        [typeof(string), typeof(int), typeof(long), typeof(Guid), typeof(DayOfWeek), typeof(DateOnly), typeof(DateTime)];

    private static readonly Type[] Collections =
    [
        typeof(List<>), typeof(IReadOnlyList<>), typeof(ICollection<>), typeof(Queue<>), typeof(ImmutableList<>), typeof(ImmutableArray<>),
        typeof(HashSet<>), typeof(ISet<>), typeof(Dictionary<,>), typeof(IDictionary<,>), typeof(SortedDictionary<,>),
        typeof(ImmutableDictionary<,>),
    ];

    private static readonly Type[] Holders = [typeof(KeptPair<,>), typeof(KeptBoth<,>), typeof(KeptPart<,>), typeof(KeptTree<>)];

    /// <summary>Whether columns have to keep the values: times are to the microsecond then, and in UTC.</summary>
    public bool IsForColumns { get; init; }

    /// <summary>Whether a value was made that nothing keeps. Whoever asks takes it back.</summary>
    public bool TakeIsBad()
    {
        var was = _isBad;
        _isBad = false;
        return was;
    }

    private bool _isBad;

    /// <summary>A type that a column can have.</summary>
    public Type ColumnType() => MaybeNullable(Any(ColumnTypes));

    /// <summary>A type that a document can hold, with others in it.</summary>
    public Type AnyType(int depth)
    {
        if (depth == 0 || Next(4) == 0)
        {
            return ColumnType();
        }

        var shape = Next(6) == 0 ? null : Any(Next(2) == 0 ? Collections : Holders);
        return shape is null ? ColumnTypes[Next(ColumnTypes.Length)].MakeArrayType()
            : shape.GetGenericArguments().Length == 1 ? shape.MakeGenericType(IsSet(shape) ? Any(KeyTypes) : AnyType(depth - 1))
            : shape.MakeGenericType(Collections.Contains(shape) ? Any(KeyTypes) : AnyType(depth - 1), AnyType(depth - 1)) is var made
                && made.IsValueType ? MaybeNullable(made) : made;
    }

    /// <summary>A value of a type; null only where the type takes it.</summary>
    public object? Of(Type type, int depth = 3)
    {
        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return Next(3) == 0 ? null : Of(underlying, depth);
        }

        return type.IsEnum ? Enum.ToObject(type, Next(7))
            : type == typeof(byte[]) ? Next(4) == 0 ? null : Bytes(Next(10))
            : type.IsArray ? Next(6) == 0 ? null : Filled(type.GetElementType()!, depth)
            : type.IsGenericType && Collections.Contains(type.GetGenericTypeDefinition()) ? Next(6) == 0 && !type.IsValueType ? null
                : type.GetGenericArguments() is [var key, var value] ? Entries(type, key, value, depth) : Elements(type, depth)
            : type.IsGenericType ? !type.IsValueType && (depth < 0 || Next(6) == 0) ? null : Object(type, depth)
            : !type.IsValueType && Next(4) == 0 ? null : Scalar(type);
    }

    /// <summary>An object with a made-up value in each of its members but its id.</summary>
    public object Object(Type type, int depth = 3, int? id = null)
    {
        var constructor = type.GetConstructors().Where(one => one.GetParameters() is not [var only] || only.ParameterType != type)
            .MaxBy(one => one.GetParameters().Length)!;
        var made = constructor.Invoke([.. constructor.GetParameters().Select(
            parameter => parameter.Name == "Id" && id is not null ? id : Member(parameter.ParameterType, false, depth - 1))]);
        if (constructor.GetParameters().Length == 0)
        {
            foreach (var member in type.GetProperties().Where(member => member.CanWrite))
            {
                member.SetValue(made, member.Name == "Id" && id is not null ? id
                    : Member(member.PropertyType, IsForColumns && member.Name is "Always" or "Parts" or "Values", depth - 1));
            }
        }

        // Its columns would not tell it from none.
        return IsForColumns && type.Name.StartsWith("KeptPart", StringComparison.Ordinal)
            && type.GetProperties().All(member => member.GetValue(made) is null) ? Spoiled(made) : made;
    }

    private object? Member(Type type, bool isRequired, int depth)
    {
        object? value;
        do
        {
            value = Of(type, depth);
        }
        while (value is null && isRequired);
        return value;
    }

    private object Scalar(Type type) => type.Name switch
    {
        nameof(Int32) => Next(9) == 0 ? int.MinValue : Next(),
        nameof(Int64) => Next(9) == 0 ? long.MaxValue : NextInt64(long.MinValue, long.MaxValue),
        nameof(Int16) => (short)Next(short.MinValue, short.MaxValue + 1),
        nameof(Byte) => (byte)Next(256),
        nameof(UInt32) => Next(9) == 0 ? uint.MaxValue : (uint)Next(),
        nameof(UInt64) => Next(9) == 0 ? ulong.MaxValue : (ulong)NextInt64(),
        nameof(Decimal) => Next(9) switch { 0 => decimal.MaxValue, 1 => decimal.MinValue, 2 => 1e-28m, _ => Amount() },
        nameof(Double) => Next(60) == 0 ? Spoiled(double.NaN)
            : Next(9) switch { 0 => double.Epsilon, 1 => double.MinValue, _ => (NextDouble() - 0.5) * Math.Pow(10, Next(-300, 300)) },
        nameof(Single) => Next(60) == 0 ? Spoiled(float.PositiveInfinity)
            : Next(9) switch { 0 => float.Epsilon, 1 => float.MaxValue, _ => (NextSingle() - 0.5f) * MathF.Pow(10, Next(-30, 30)) },
        nameof(Boolean) => Next(2) == 0,
        nameof(Guid) => new Guid(Bytes(16)),
        nameof(DateOnly) => Next(9) switch { 0 => DateOnly.MinValue, 1 => DateOnly.MaxValue, _ => DateOnly.FromDayNumber(Next(3_000_000)) },
        nameof(TimeOnly) => new TimeOnly(Ticks(TimeSpan.TicksPerDay)),
        nameof(DateTime) => Time(),
        nameof(DateTimeOffset) => IsForColumns ? new DateTimeOffset(DateTime.SpecifyKind(Time(), DateTimeKind.Utc))
            : new DateTimeOffset(DateTime.SpecifyKind(Time(), DateTimeKind.Unspecified).AddYears(1), TimeSpan.FromMinutes(Next(-800, 800))),
        nameof(TimeSpan) => new TimeSpan(Ticks(TimeSpan.TicksPerDay * 10_000) * (Next(2) == 0 ? 1 : -1)),
        nameof(Char) => Next(60) == 0 ? Spoiled('\0') : Next(9) == 0 ? 'ж' : (char)Next('0', 'z'),
        nameof(String) => Text(),
        nameof(Uri) => Next(4) == 0 ? new Uri($"a/{Next()}", UriKind.Relative) : new Uri($"https://example.org/{Next()}?q=%20ж#"),
        nameof(KeptCode) => Code(new KeptCode(Text(), Next())),
        nameof(KeptShape) => Shape(depth: 2),
        _ => throw new NotSupportedException(type.Name),
    };

    private KeptShape Shape(int depth) => Next(60) == 0 ? (KeptShape)Spoiled(new KeptStray(Text()))
        : Next(2) == 0 ? new KeptRound(Text(), NextDouble())
        : new KeptFlat(Text(), Next(), depth == 0 || Next(2) == 0 ? null : Shape(depth - 1));

    private string Text() => Next(100) == 0 ? (string)Spoiled(Any(Bad))
        : Next(5) == 0 ? Any(Odd) : Next(1_000_000).ToString(CultureInfo.InvariantCulture);

    /// <summary>Its column's converter trims it.</summary>
    private object Code(KeptCode code) => IsForColumns && code.Area != code.Area.Trim() ? Spoiled(code) : code;

    /// <summary>With two decimals: a numeric without a scale keeps them all, and 1.50 comes back as 1.50.</summary>
    private decimal Amount() => new(Next(1, int.MaxValue), Next(), 0, Next(2) == 0, 2);

    private DateTime Time()
    {
        if (IsForColumns && Next(9) == 0)
        {
            return DateTime.SpecifyKind(Any([DateTime.MinValue, DateTime.MaxValue]), Any([DateTimeKind.Utc, DateTimeKind.Unspecified]));
        }

        var time = new DateTime(Ticks(3_100_000_000_000_000_000));
        return DateTime.SpecifyKind(time, IsForColumns || Next(2) == 0 ? DateTimeKind.Utc : DateTimeKind.Unspecified);
    }

    /// <summary>To the microsecond where a column keeps no more.</summary>
    private long Ticks(long below) => NextInt64(below) is var ticks && IsForColumns ? ticks / 10 * 10 : ticks;

    private Array Filled(Type element, int depth)
    {
        var array = Array.CreateInstance(element, Next(4));
        for (var i = 0; i < array.Length; i++)
        {
            array.SetValue(Member(element, IsForColumns && element.Name.StartsWith("KeptPart", StringComparison.Ordinal), depth - 1), i);
        }

        return array;
    }

    private object Elements(Type type, int depth)
    {
        var (element, definition) = (type.GetGenericArguments()[0], type.GetGenericTypeDefinition());
        if (definition == typeof(ImmutableArray<>) && Next(30) == 0)
        {
            return Spoiled(Activator.CreateInstance(type)!);
        }

        var elements = Filled(element, depth);
        return definition == typeof(ImmutableList<>) || definition == typeof(ImmutableArray<>)
                ? (definition == typeof(ImmutableList<>) ? typeof(ImmutableList) : typeof(ImmutableArray)).GetMethods()
                    .Single(method => method.Name == "CreateRange" && method.GetParameters() is [{ ParameterType.Name: "IEnumerable`1" }])
                    .MakeGenericMethod(element).Invoke(null, [elements])!
            : IsSet(definition) ? Activator.CreateInstance(typeof(HashSet<>).MakeGenericType(element), elements, Comparer(element))!
            : Activator.CreateInstance((type.IsInterface ? typeof(List<>) : definition).MakeGenericType(element), elements)!;
    }

    private object Entries(Type type, Type key, Type value, int depth)
    {
        var definition = type.GetGenericTypeDefinition();
        var entries = (System.Collections.IDictionary)(definition == typeof(SortedDictionary<,>) ? Activator.CreateInstance(type)!
            : Comparer(key) is { } comparer ? Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(key, value), comparer)!
            : Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(key, value))!);
        for (var i = Next(4); i > 0; i--)
        {
            entries[Member(key, isRequired: true, depth: 0)!] = Of(value, depth - 1);
        }

        return definition != typeof(ImmutableDictionary<,>) ? entries : typeof(ImmutableDictionary).GetMethods()
            .Single(method => method.Name == "CreateRange" && method.GetParameters().Length == 1)
            .MakeGenericMethod(key, value).Invoke(null, [entries])!;
    }

    private StringComparer? Comparer(Type key)
        => key == typeof(string) && Next(30) == 0 ? (StringComparer)Spoiled(StringComparer.OrdinalIgnoreCase) : null;

    private Type MaybeNullable(Type type) => type.IsValueType && Next(3) == 0 ? typeof(Nullable<>).MakeGenericType(type) : type;

    private static bool IsSet(Type definition) => definition == typeof(HashSet<>) || definition == typeof(ISet<>);

    private T Any<T>(IReadOnlyList<T> choices) => choices[Next(choices.Count)];

    private object Spoiled(object value)
    {
        _isBad = true;
        return value;
    }

    private byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        NextBytes(bytes);
        return bytes;
    }
}
