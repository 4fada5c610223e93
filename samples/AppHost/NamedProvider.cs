using Aspire.Hosting.Orleans;

namespace AppHost;

/// <summary>
/// A provider of Orleans' by the name it is registered under. Aspire makes such names of its own resources; one that is none of these,
/// as write-behind storage is Redis and PostgreSQL together, is named like this.
/// </summary>
/// <param name="type">The provider's name: <c>WriteBehind</c> for grain storage.</param>
/// <param name="connection">What it connects to, where the silo does not know that otherwise.</param>
internal sealed class NamedProvider(string type, IResourceWithConnectionString? connection = null) : IProviderConfiguration
{
    public void ConfigureResource<T>(IResourceBuilder<T> resourceBuilder, string configSectionPath)
        where T : IResourceWithEnvironment
    {
        resourceBuilder.WithEnvironment($"Orleans__{configSectionPath}__ProviderType", type);
        if (connection is not null)
        {
            resourceBuilder.WithEnvironment(
                $"Orleans__{configSectionPath}__ConnectionString", connection.ConnectionStringExpression);
        }
    }
}
