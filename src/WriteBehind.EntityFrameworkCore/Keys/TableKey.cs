namespace WriteBehind.EntityFrameworkCore.Keys;

/// <summary>The key of a table, and how it is written as an id: its one part as it is, several parts as <see cref="EntityId"/> says.</summary>
internal sealed class TableKey(IReadOnlyList<KeyColumn> columns)
{
    /// <summary>The columns in the key's order.</summary>
    public IReadOnlyList<KeyColumn> Columns => columns;

    /// <summary>Null where the id is a key of the table, else why not, as a sentence.</summary>
    public string? Check(string id)
        => Split(id, out var parts) ?? parts.Zip(columns, (text, column) => column.Check(text)).FirstOrDefault(error => error is not null);

    /// <summary>The texts of the id's parts; returns null where there are as many as the key has columns, else why not.</summary>
    public string? Split(string id, out string[] parts)
    {
        if (columns.Count == 1)
        {
            parts = [id];
            return null;
        }

        if (!EntityId.TrySplit(id, out var split) || split.Length != columns.Count)
        {
            parts = [];
            return $"the key has {columns.Count} columns ({string.Join(", ", columns.Select(c => c.Name))}), so the id has {columns.Count} " +
                "parts joined by '|' (EntityId.Compose makes it).";
        }

        parts = split;
        return null;
    }

    /// <summary>The id of a key as the model's properties have it.</summary>
    public string ToId(IReadOnlyList<object> modelValues)
        => columns.Count == 1
            ? columns[0].ToText(modelValues[0])
            : EntityId.Compose([.. columns.Select((column, i) => column.ToText(modelValues[i]))]);
}
