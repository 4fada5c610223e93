namespace WriteBehind.Caching;

/// <summary>The registration of a cache.</summary>
internal sealed class CacheRegistration(CacheOptions options) : ICacheRegistration
{
    public CacheOptions Options => options;

    public IEnumerable<string> Validate(IReadOnlyCollection<EntityTypeOptions> entities) => CacheOptionsValidator.Validate(options, mark: null);
}
