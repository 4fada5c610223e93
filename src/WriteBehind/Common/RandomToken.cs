using System.Globalization;

namespace WriteBehind.Common;

/// <summary>Names that nobody else has: of an epoch, a mark, a lock, a worker.</summary>
internal static class RandomToken
{
    /// <summary>Sixteen hexadecimal digits.</summary>
    public static string Next() => Random.Shared.NextInt64().ToString("x16", CultureInfo.InvariantCulture);
}
