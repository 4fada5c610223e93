using System.Globalization;
using WriteBehind;

namespace Orleans.WriteBehind;

/// <summary>
/// The entity id of a grain, as its table's key reads it: a string key as it is, an integer in decimal, a Guid in lower-case groups of
/// 8-4-4-4-12, and of a compound key both parts composed (<see cref="EntityId.Compose"/>).
/// </summary>
public static class GrainEntityId
{
    /// <summary>The entity id of a grain.</summary>
    /// <param name="grain">The grain instance: its key interface (<c>IGrainWithIntegerKey</c>, …) says what kind of key it has.</param>
    /// <param name="grainId">Its id.</param>
    public static string Of(object? grain, GrainId grainId) => grain switch
    {
        IGrainWithIntegerKey => Integer(grainId.GetIntegerKey()),
        IGrainWithGuidKey => Guid(grainId.GetGuidKey()),
        IGrainWithIntegerCompoundKey => EntityId.Compose(Integer(grainId.GetIntegerKey(out var extension)), extension ?? string.Empty),
        IGrainWithGuidCompoundKey => EntityId.Compose(Guid(grainId.GetGuidKey(out var extension)), extension ?? string.Empty),
        _ => grainId.Key.ToString() ?? string.Empty,
    };

    private static string Integer(long key) => key.ToString(CultureInfo.InvariantCulture);

    private static string Guid(Guid key) => key.ToString("D", CultureInfo.InvariantCulture);
}
