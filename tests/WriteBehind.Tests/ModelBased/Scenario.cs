using System.Globalization;
using System.Text;

namespace WriteBehind.Tests.ModelBased;

/// <summary>What happens in one run.</summary>
/// <param name="Keeps">Whether flushed states stay in Redis as clean entries.</param>
/// <param name="HasRows">Whether the database has rows at the start.</param>
/// <param name="Commands">What happens, in this order.</param>
public sealed record Scenario(bool Keeps, bool HasRows, IReadOnlyList<Command> Commands)
{
    public const int Entities = 3;

    public override string ToString()
    {
        var text = new StringBuilder(Keeps ? "Clean entries are kept" : "Clean entries are deleted");
        text.AppendLine(HasRows ? "; there are rows at the start." : "; there are no rows at the start.");
        for (var i = 0; i < Commands.Count; i++)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{i + 1,3}. {Commands[i]}");
        }

        return text.ToString();
    }
}
