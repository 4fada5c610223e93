using NpgsqlTypes;

namespace WriteBehind.EntityFrameworkCore.Keys;

/// <summary>One column of a table's key, and how its value is written in an id.</summary>
internal abstract class KeyColumn(string name, string sqlType, NpgsqlDbType dbType)
{
    /// <summary>The column.</summary>
    public string Name => name;

    /// <summary>The type its values are sent as.</summary>
    public string SqlType => sqlType;

    /// <summary>The same for the driver.</summary>
    public NpgsqlDbType DbType => dbType;

    /// <summary>Null where the text is a key value, else why not.</summary>
    public abstract string? Check(string text);

    /// <summary>Room for this many values.</summary>
    public abstract KeyValues Allocate(int capacity);

    /// <summary>The value as the model's property has it; the text must have passed <see cref="Check"/>.</summary>
    public abstract object ToModel(string text);

    /// <summary>The text of a value that the model's property has.</summary>
    public abstract string ToText(object modelValue);
}
