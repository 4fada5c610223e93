using System.Globalization;

namespace WriteBehind.Tests.Protocol;

/// <summary>One step, for the trace: what happens, with # for the number of who does it (from 0).</summary>
internal readonly record struct Move(string Text, int Number)
{
    public override string ToString() => Text.Replace("#", (Number + 1).ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
}
