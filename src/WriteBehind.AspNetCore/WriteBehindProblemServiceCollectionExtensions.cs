using Microsoft.Extensions.DependencyInjection;
using WriteBehind.AspNetCore.Problems;

namespace WriteBehind.AspNetCore;

/// <summary>Registers the translation of the library's errors into problem details.</summary>
public static class WriteBehindProblemServiceCollectionExtensions
{
    /// <summary>
    /// Makes the host's own endpoints answer the library's errors with problem details (RFC 9457): 409 for a write conflict, 503 for
    /// a full or absent Redis, and so on, with the entity concerned. Takes effect with <c>app.UseExceptionHandler()</c>.
    /// </summary>
    public static IServiceCollection AddWriteBehindProblemDetails(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        return services.AddProblemDetails().AddExceptionHandler<WriteBehindExceptionHandler>();
    }
}
