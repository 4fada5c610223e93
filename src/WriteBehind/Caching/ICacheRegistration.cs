namespace WriteBehind.Caching;

/// <summary>A cache as it was registered, for validation.</summary>
internal interface ICacheRegistration
{
    CacheOptions Options { get; }

    /// <summary>Everything that is wrong with it.</summary>
    IEnumerable<string> Validate(IReadOnlyCollection<EntityTypeOptions> entities);
}
