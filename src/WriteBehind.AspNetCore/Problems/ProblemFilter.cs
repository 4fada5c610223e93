using Microsoft.AspNetCore.Http;

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
