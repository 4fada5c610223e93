namespace WriteBehind.EntityFrameworkCore.Modeling;

/// <summary>The annotations this package puts into a model.</summary>
internal static class WriteBehindAnnotations
{
    /// <summary>On the property that holds an entity's version.</summary>
    public const string Version = "WriteBehind:Version";
}
