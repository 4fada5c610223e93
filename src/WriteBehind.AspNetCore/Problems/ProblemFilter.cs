using System.Globalization;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using WriteBehind.RateLimits;

namespace WriteBehind.AspNetCore.Problems;

/// <summary>Answers with problem details where an endpoint of this library fails, whatever error handling the host has.</summary>
internal sealed class ProblemFilter : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return await next(context).ConfigureAwait(false);
        }
        catch (WriteBehindException e)
        {
            return TypedResults.Problem(WriteBehindProblems.From(e));
        }
    }
}

/// <summary>Answers with problem details where an endpoint of the host lets one of the library's errors through.</summary>
internal sealed class WriteBehindExceptionHandler(IProblemDetailsService problems) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is not WriteBehindException error)
        {
            return false;
        }

        var problem = WriteBehindProblems.From(error);
        httpContext.Response.StatusCode = problem.Status ?? StatusCodes.Status500InternalServerError;
        if (error is RateLimitedException { RetryAfter: { } wait })
        {
            httpContext.Response.Headers.RetryAfter = WriteBehindProblems.WholeSeconds(wait).ToString(CultureInfo.InvariantCulture);
        }

        return await problems.TryWriteAsync(new ProblemDetailsContext
        {
            HttpContext = httpContext,
            ProblemDetails = problem,
            Exception = error,
        }).ConfigureAwait(false);
    }
}
