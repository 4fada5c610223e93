using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using WriteBehind.Caching;

namespace Embedded.Profiles;

/// <summary>
/// Customers behind a read-through and write-through cache: a write is in PostgreSQL when it is acknowledged, and reads rarely get that
/// far. Rows that other programs change are heard of from PostgreSQL itself (see Program.cs).
/// </summary>
internal static class ProfileEndpoints
{
    public static void MapProfiles(this IEndpointRouteBuilder endpoints)
    {
        var profiles = endpoints.MapGroup("/profiles").WithTags("Profiles");
        profiles.MapGet("{id}", GetAsync).WithSummary("A customer, from the cache; the version is the ETag.");
        profiles.MapGet("", GetManyAsync).WithSummary("Several customers: what the cache does not have is one query.");
        profiles.MapPut("{id}", PutAsync).WithSummary("Changes a customer: first in PostgreSQL, then in the cache.");
        profiles.MapDelete("{id}", DeleteAsync).WithSummary("Deletes a customer.");
        profiles.MapPost("cities/{city}/invalidate", InvalidateCityAsync)
            .WithSummary("Reads everybody in a city anew: one step, however many they are.");
    }

    private static async Task<Results<Ok<Profile>, NotFound>> GetAsync(
        string id, IReadThroughCache<Profile> profiles, HttpResponse response, CancellationToken cancellationToken)
    {
        if (await profiles.GetAsync(id, cancellationToken) is not { } found)
        {
            return TypedResults.NotFound();
        }

        response.Headers.ETag = ETag(found.Version);
        return TypedResults.Ok(found.State);
    }

    private static async Task<Ok<Profile[]>> GetManyAsync(
        string[] id, IReadThroughCache<Profile> profiles, CancellationToken cancellationToken)
    {
        var found = await profiles.GetManyAsync(id, cancellationToken);
        return TypedResults.Ok(
            found.Values.Select(profile => profile.State).OrderBy(profile => profile.Id, StringComparer.Ordinal).ToArray());
    }

    private static async Task<Ok<Profile>> PutAsync(
        string id, ProfileChange change, IReadThroughCache<Profile> profiles, HttpResponse response, CancellationToken cancellationToken)
    {
        var profile = new Profile(id, change.Name, change.City);
        response.Headers.ETag = ETag(await profiles.SetAsync(id, profile, cancellationToken: cancellationToken));
        return TypedResults.Ok(profile);
    }

    private static async Task<NoContent> DeleteAsync(string id, IReadThroughCache<Profile> profiles, CancellationToken cancellationToken)
    {
        await profiles.DeleteAsync(id, cancellationToken: cancellationToken);
        return TypedResults.NoContent();
    }

    private static async Task<NoContent> InvalidateCityAsync(
        string city, IReadThroughCache<Profile> profiles, CancellationToken cancellationToken)
    {
        await profiles.RemoveTagAsync(CityTag(city), cancellationToken);
        return TypedResults.NoContent();
    }

    /// <summary>The tag of everybody in a city.</summary>
    public static string CityTag(string city) => $"city:{city}";

    private static string ETag(long version) => string.Create(CultureInfo.InvariantCulture, $"\"{version}\"");
}
