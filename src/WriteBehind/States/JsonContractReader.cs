using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Collections.ObjectModel;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace WriteBehind.States;

/// <summary>Reads a <see cref="JsonContract"/> from the metadata that System.Text.Json itself goes by.</summary>
internal sealed class JsonContractReader(JsonSerializerOptions options)
{
    private const BindingFlags Own = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private static readonly HashSet<Type> PlainCollections =
    [
        typeof(List<>), typeof(IList<>), typeof(ICollection<>), typeof(IEnumerable<>), typeof(IReadOnlyList<>),
        typeof(IReadOnlyCollection<>),
        typeof(HashSet<>), typeof(ISet<>), typeof(IReadOnlySet<>), typeof(Queue<>),
        typeof(LinkedList<>), typeof(Collection<>), typeof(ObservableCollection<>),
        typeof(ImmutableArray<>), typeof(ImmutableList<>), typeof(IImmutableList<>), typeof(ImmutableHashSet<>), typeof(ImmutableQueue<>),
        typeof(Dictionary<,>), typeof(IDictionary<,>), typeof(IReadOnlyDictionary<,>), typeof(ImmutableDictionary<,>),
        typeof(ConcurrentDictionary<,>),
    ];

    private static readonly HashSet<Type> Stacks =
        [typeof(Stack<>), typeof(ConcurrentStack<>), typeof(ImmutableStack<>), typeof(IImmutableStack<>)];

    private readonly HashSet<Type> _seen = [];
    private readonly List<string> _faults = [];
    private readonly List<string> _doubts = [];
    private readonly SortedDictionary<string, string> _names = new(StringComparer.Ordinal);

    public JsonContract Read(Type type)
    {
        if (options.DictionaryKeyPolicy is not null)
        {
            _doubts.Add("DictionaryKeyPolicy changes keys when they are written and not when they are read");
        }

        if (options.ReferenceHandler == ReferenceHandler.IgnoreCycles)
        {
            _doubts.Add("ReferenceHandler.IgnoreCycles leaves out what contains itself");
        }

        Visit(type, type.Name);
        var info = Describe(type, type.Name);
        var (members, stored) = info is null ? ([], []) : MembersOf(info);
        return new JsonContract(_faults, _doubts, _names, members, stored);
    }

    /// <summary>The fields of a type's own, and of the application's types that it derives from.</summary>
    public static IEnumerable<FieldInfo> FieldsOf(Type type)
    {
        for (var level = type; level is not null && !IsOfDotNet(level); level = level.BaseType)
        {
            foreach (var field in level.GetFields(Own))
            {
                yield return field;
            }
        }
    }

    /// <summary>Fields that no member of the contract stands for, and that nobody has said to be no state.</summary>
    public static IEnumerable<FieldInfo> HiddenFieldsOf(JsonTypeInfo info)
    {
        var members = info.Properties.Where(IsKept).Select(property => PlaceOf(MemberOf(info.Type, property))).ToHashSet();
        var fields = IsOfDotNet(info.Type) ? info.Type.GetFields(Own) : FieldsOf(info.Type);
        return fields.Where(field => !members.Contains((field.DeclaringType, NameOf(field))) && !IsLeftOut(field));
    }

    /// <summary>Whether a member comes back: it is written, and there is a way to set it.</summary>
    public static bool IsKept(JsonPropertyInfo property) => property.Get is not null && IsRead(property);

    private static bool IsRead(JsonPropertyInfo property)
        => property.Set is not null
            || property.AssociatedParameter is not null
            || property.IsExtensionData
            || (property.ObjectCreationHandling ?? property.Options.PreferredObjectCreationHandling) == JsonObjectCreationHandling.Populate;

    private void Visit(Type type, string path)
    {
        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            type = underlying;
        }

        if (!_seen.Add(type) || Describe(type, path) is not { } info)
        {
            return;
        }

        switch (info.Kind)
        {
            case JsonTypeInfoKind.Object:
                VisitObject(info, path);
                break;
            case JsonTypeInfoKind.Enumerable:
                VisitCollection(info, path, "[]"u8);
                break;
            case JsonTypeInfoKind.Dictionary:
                VisitCollection(info, path, "{}"u8);
                break;
            default:
                VisitValue(info.Converter, type, path);
                break;
        }
    }

    private JsonTypeInfo? Describe(Type type, string path)
    {
        try
        {
            return options.GetTypeInfo(type);
        }
        catch (Exception e) when (e is NotSupportedException or InvalidOperationException or ArgumentException)
        {
            Fault(
                path,
                type,
                $"System.Text.Json has no contract for it ({e.Message})",
                "give the serializer a converter or a context that knows it");
            return null;
        }
    }

    private void VisitValue(JsonConverter converter, Type type, string path)
    {
        if (type == typeof(object))
        {
            Fault(path, type, "it comes back as a JsonElement, whatever was put there", "declare the type it holds, or JsonElement");
        }
        else if (converter.GetType().Name.StartsWith("UnsupportedType", StringComparison.Ordinal))
        {
            Fault(path, type, "System.Text.Json does not take it", "leave it out with [JsonIgnore], or give the serializer a converter");
        }
        else if (!IsOfDotNet(converter.GetType()))
        {
            _doubts.Add($"{path} is written by {converter.GetType().Name}");
        }
        else if (!MemberCode.TellsApart(converter, type, options))
        {
            _doubts.Add($"{path} has values that are written alike");
        }
    }

    private void VisitCollection(JsonTypeInfo info, string path, ReadOnlySpan<byte> empty)
    {
        var type = info.Type;
        var definition = type.IsGenericType ? type.GetGenericTypeDefinition() : type;
        if (Stacks.Contains(definition))
        {
            Fault(path, type, "it comes back upside down", "use a List, or give the serializer a converter");
            return;
        }

        try
        {
            _ = JsonSerializer.Deserialize(empty, info);
        }
        catch (NotSupportedException e)
        {
            Fault(
                path,
                type,
                $"it can be written and not read ({FirstSentence(e)})",
                "use a List or a Dictionary, or give the serializer a converter");
            return;
        }
#pragma warning disable CA1031 // An application's collection may refuse to be empty. That is no answer to the question.
        catch (Exception)
#pragma warning restore CA1031
        {
            _doubts.Add($"{path} refuses to be empty");
        }

        if (FieldsOf(type).FirstOrDefault(field => (field.IsPublic || IsBacking(field)) && !IsLeftOut(field)) is { } own)
        {
            Fault(
                path,
                type,
                $"of a collection only the elements are written, and it has a member of its own, '{NameOf(own)}'",
                "hold the collection in a member instead of deriving from it");
            return;
        }

        if (!type.IsArray && !PlainCollections.Contains(definition))
        {
            _doubts.Add($"{path} is a {type.Name}");
        }

        if (info.KeyType is { } key)
        {
            Visit(key, $"{path} keys");
        }

        Visit(info.ElementType!, $"{path}[]");
    }

    private void VisitObject(JsonTypeInfo info, string path)
    {
        var type = info.Type;
        if (info.PolymorphismOptions is { } polymorphism)
        {
            foreach (var derived in polymorphism.DerivedTypes)
            {
                if (derived.TypeDiscriminator is null && derived.DerivedType != type)
                {
                    Fault(
                        path,
                        derived.DerivedType,
                        $"it has no discriminator, so it comes back as a {type.Name}",
                        "give its [JsonDerivedType] one");
                }

                Visit(derived.DerivedType, $"{path}({derived.DerivedType.Name})");
            }

            if (type.IsAbstract)
            {
                return;
            }
        }
        else if (type.IsInterface || type.IsAbstract)
        {
            Fault(
                path,
                type,
                "nothing says which class to make of it when it is read",
                $"name its classes with [JsonDerivedType] at {type.Name}, declare the class itself, or give the serializer a converter");
            return;
        }

        if (info.CreateObject is null && !info.Properties.Any(property => property.AssociatedParameter is not null))
        {
            Fault(
                path,
                type,
                "it has no public constructor that System.Text.Json can call",
                "give it one without parameters, or mark one whose parameters are named like its members with [JsonConstructor]");
        }

        foreach (var property in info.Properties)
        {
            VisitMember(info, property, path);
        }

        if (typeof(IJsonOnDeserialized).IsAssignableFrom(type) || typeof(IJsonOnSerializing).IsAssignableFrom(type))
        {
            _doubts.Add($"{path} does something when it is read or written");
        }

        VisitFields(info, path);
    }

    private void VisitMember(JsonTypeInfo info, JsonPropertyInfo property, string path)
    {
        var member = MemberOf(info.Type, property);
        var here = $"{path}.{member?.Name ?? property.Name}";
        if (property.Get is null)
        {
            return;
        }

        // Without the name of the type itself, which may be another in another process.
        _names[here[(here.IndexOf('.', StringComparison.Ordinal) + 1)..]] = property.Name;
        if (property.IsExtensionData)
        {
            _doubts.Add($"{here} may hold anything, the names of members too");
            return;
        }

        if (!IsRead(property))
        {
            // One without a field is worked out from others. (What those are is looked at with the fields.)
            if (member is PropertyInfo { DeclaringType: { } owner } && BackingOf(owner, member.Name) is { } field && !IsLeftOut(field))
            {
                Fault(
                    here,
                    property.PropertyType,
                    "it is written and never read: it has neither a public setter nor a parameter of the constructor",
                    "give it a public set or init, mark it with [JsonInclude], or leave it out with [JsonIgnore]");
            }

            return;
        }

        if (property.ShouldSerialize is not null || options.DefaultIgnoreCondition != JsonIgnoreCondition.Never)
        {
            _doubts.Add($"{here} is not always written");
        }

        if (MemberCode.IsFilledAlready(info, property))
        {
            _doubts.Add($"{here} holds something when it is made, to which what is read is added");
        }

        if (!IsOfDotNet(info.Type)
            && (!MemberCode.IsPlain(member) || (property.AssociatedParameter is { } taken && !IsTakenAsItIs(info, taken, member))))
        {
            _doubts.Add($"{here} goes through code of {info.Type.Name}");
        }

        if (property.CustomConverter is { } converter)
        {
            VisitValue(converter, property.PropertyType, here);
        }
        else
        {
            Visit(property.PropertyType, here);
        }
    }

    private static bool IsTakenAsItIs(JsonTypeInfo info, JsonParameterInfo parameter, MemberInfo? member)
        => info.ConstructorAttributeProvider is ConstructorInfo constructor
            && MemberCode.Keeps(constructor, parameter.Position + 1, member);

    private void VisitFields(JsonTypeInfo info, string path)
    {
        var type = info.Type;
        var hidden = HiddenFieldsOf(info).ToList();
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(KeyValuePair<,>))
        {
            return;
        }

        if (hidden.Count > 0 && !hidden.Exists(field => field.IsPublic) && !info.Properties.Any(IsKept))
        {
            Fault(path, type, "System.Text.Json reads none of its members", "use another type, or give the serializer a converter");
            return;
        }

        foreach (var field in hidden)
        {
            if (field.IsPublic)
            {
                Fault(
                    $"{path}.{field.Name}",
                    field.FieldType,
                    "it is a field, and fields are not written",
                    "make it a property, set IncludeFields, or mark it with [JsonInclude] or [JsonIgnore]");
            }
            else if (!info.Properties.Any(
                property => property.Get is not null && PlaceOf(MemberOf(type, property)) == (field.DeclaringType, NameOf(field))))
            {
                _doubts.Add($"{path} has a field of its own, {field.Name}");
            }
        }
    }

    private static (HashSet<string> Members, HashSet<string> Stored) MembersOf(JsonTypeInfo info)
    {
        var members = info.Properties.Where(IsKept).Select(property => MemberOf(info.Type, property)).OfType<MemberInfo>().ToList();
        var stored = members.Where(member => member is FieldInfo || BackingOf(member.DeclaringType!, member.Name) is not null);
        return ([.. members.Select(member => member.Name)], [.. stored.Select(member => member.Name)]);
    }

    private static MemberInfo? MemberOf(Type type, JsonPropertyInfo property)
        => property.AttributeProvider as MemberInfo
            ?? type.GetMembers(BindingFlags.Instance | BindingFlags.Public).FirstOrDefault(
                member => member is PropertyInfo or FieldInfo
                    && string.Equals(member.Name, Letters(property.Name), StringComparison.OrdinalIgnoreCase));

    /// <summary>What tells a member from another of its name that it hides (<c>new</c>).</summary>
    private static (Type? Owner, string? Name) PlaceOf(MemberInfo? member) => (member?.DeclaringType, member?.Name);

    /// <summary>A name without what naming policies put between its words.</summary>
    private static string Letters(string name)
        => name.Replace("_", string.Empty, StringComparison.Ordinal).Replace("-", string.Empty, StringComparison.Ordinal);

    private static FieldInfo? BackingOf(Type owner, string name) => owner.GetField($"<{name}>k__BackingField", Own);

    private static bool IsBacking(FieldInfo field) => field.Name.EndsWith(">k__BackingField", StringComparison.Ordinal);

    /// <summary>The property that the compiler made the field for; of others the field itself.</summary>
    public static string NameOf(FieldInfo field)
        => IsBacking(field) ? field.Name[1..field.Name.IndexOf('>', StringComparison.Ordinal)] : field.Name;

    /// <summary>Whether the application says that the field is no state.</summary>
    public static bool IsLeftOut(FieldInfo field)
        => field.IsDefined(typeof(NonSerializedAttribute), inherit: false)
            || IsIgnored(field)
            || (IsBacking(field) && field.DeclaringType!.GetProperty(NameOf(field), Own) is { } property && IsIgnored(property));

    private static bool IsIgnored(MemberInfo member)
        => member.GetCustomAttribute<JsonIgnoreAttribute>() is { Condition: JsonIgnoreCondition.Always };

    public static bool IsOfDotNet(Type type)
        => type.Namespace is "System" || type.Namespace?.StartsWith("System.", StringComparison.Ordinal) == true;

    private static string FirstSentence(Exception error) => error.Message.Split(". ", 2)[0].TrimEnd('.');

    private void Fault(string path, Type type, string why, string wayOut)
        => _faults.Add($"{path} is a {Name(type)}, and {why}. Way out: {wayOut}.");

    private static string Name(Type type)
        => type.IsGenericType ? $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>" : type.Name;
}
