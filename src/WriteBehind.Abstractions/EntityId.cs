using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace WriteBehind;

/// <summary>
/// Ids of entities whose table has a key of several columns: the parts in the key's order, joined by '|'. A '|' or '\' inside a part
/// is written as '\|' or '\\', so every list of parts has exactly one id and every id at most one list of parts.
/// </summary>
/// <example><c>EntityId.Compose("eu", "a|b")</c> is <c>eu|a\|b</c>.</example>
public static class EntityId
{
    private const char Separator = '|';
    private const char Escape = '\\';

    /// <summary>Joins the parts of a key to an id.</summary>
    /// <param name="parts">The parts in the key's order, each as its plain id text.</param>
    /// <exception cref="ArgumentException">There are no parts.</exception>
    public static string Compose(params string[] parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        if (parts.Length == 0)
        {
            throw new ArgumentException("An id has at least one part.", nameof(parts));
        }

        var id = new StringBuilder();
        for (var i = 0; i < parts.Length; i++)
        {
            ArgumentNullException.ThrowIfNull(parts[i], nameof(parts));
            if (i > 0)
            {
                id.Append(Separator);
            }

            foreach (var character in parts[i])
            {
                if (character is Separator or Escape)
                {
                    id.Append(Escape);
                }

                id.Append(character);
            }
        }

        return id.ToString();
    }

    /// <summary>Takes an id apart into what <see cref="Compose"/> was given.</summary>
    /// <exception cref="FormatException">A '\' is followed by something else than '|' or '\'.</exception>
    public static string[] Split(string id)
        => TrySplit(id, out var parts)
            ? parts
            : throw new FormatException($"'{id}' is no composed id: in it a '\\' may stand only before '|' or '\\'.");

    /// <summary>Takes an id apart; false where it is not one that <see cref="Compose"/> makes.</summary>
    public static bool TrySplit(string id, [NotNullWhen(true)] out string[]? parts)
    {
        ArgumentNullException.ThrowIfNull(id);
        parts = null;
        var found = new List<string>();
        var part = new StringBuilder();
        for (var i = 0; i < id.Length; i++)
        {
            switch (id[i])
            {
                case Separator:
                    found.Add(part.ToString());
                    part.Clear();
                    break;
                case Escape when i + 1 < id.Length && id[i + 1] is Separator or Escape:
                    part.Append(id[++i]);
                    break;
                case Escape:
                    return false;
                default:
                    part.Append(id[i]);
                    break;
            }
        }

        found.Add(part.ToString());
        parts = [.. found];
        return true;
    }
}
