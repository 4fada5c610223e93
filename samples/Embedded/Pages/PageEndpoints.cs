using Microsoft.AspNetCore.Http.HttpResults;
using WriteBehind.Caching;

namespace Embedded.Pages;

/// <summary>
/// Product pages behind a stampede guard: when a product gets into the news, its page is made once, by one process, and everybody else
/// waits for that one or reads what there is.
/// </summary>
internal static class PageEndpoints
{
    /// <summary>The name of the cache.</summary>
    public const string Cache = "pages";

    public static void MapPages(this IEndpointRouteBuilder endpoints)
    {
        var pages = endpoints.MapGroup("/pages/{product}").WithTags("Pages");
        pages.MapGet("", GetAsync).WithSummary("A product's page, a few seconds old; up to a minute while PostgreSQL is away.");
        pages.MapDelete("", RemoveAsync).WithSummary("Has the page made anew, on every node.");
    }

    private static async Task<Results<Ok<ProductPage>, NotFound>> GetAsync(
        string product, [FromKeyedServices(Cache)] ICache cache, PageMaker maker, CancellationToken cancellationToken)
        => await cache.GetOrLoadAsync(product, load => maker.MakeAsync(product, load), cancellationToken: cancellationToken) is { } page
            ? TypedResults.Ok(page)
            : TypedResults.NotFound();

    private static async Task<NoContent> RemoveAsync(
        string product, [FromKeyedServices(Cache)] ICache cache, CancellationToken cancellationToken)
    {
        await cache.RemoveAsync(product, cancellationToken);
        return TypedResults.NoContent();
    }
}
