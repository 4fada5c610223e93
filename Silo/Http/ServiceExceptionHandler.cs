using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using Orleans.Serialization;
using Orleans.WriteBehind;
using Silo.Contracts;
using StackExchange.Redis;
using WriteBehind;

namespace Silo.Http;

/// <summary>
/// The service's own errors, and the cluster's, as problem details; also the one that only grains can have. The library's others are
/// translated by the library, whose handler comes after this one.
/// </summary>
internal sealed class ServiceExceptionHandler(IProblemDetailsService problems) : IExceptionHandler
{
    /// <summary>Where the types of such errors are from.</summary>
    private static readonly string[] OfRuntime = ["Orleans.", "Polly.", "StackExchange.Redis.", "System.Net."];

    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (Describe(exception) is not { } problem)
        {
            return false;
        }

        httpContext.Response.StatusCode = problem.Status!.Value;
        return await problems.TryWriteAsync(new() { HttpContext = httpContext, ProblemDetails = problem, Exception = exception });
    }

    private static ProblemDetails? Describe(Exception exception) => exception switch
    {
        InsufficientStockException e => new()
        {
            Status = StatusCodes.Status409Conflict,
            Type = "urn:shop:insufficient-stock",
            Title = "Not enough in stock",
            Detail = e.Message,
            Extensions = { ["product"] = e.Product, ["available"] = e.Available, ["requested"] = e.Requested },
        },
        InvalidAmountException e => new()
        {
            Status = StatusCodes.Status400BadRequest,
            Type = "urn:shop:invalid-amount",
            Title = "Not an amount",
            Detail = e.Message,
        },
        // Each call saves once at most here, so of one that gets this error nothing was saved.
        StateDiscardedException e => new()
        {
            Status = StatusCodes.Status503ServiceUnavailable,
            Type = "urn:writebehind:state-discarded",
            Title = "Another call's save failed; repeat this one",
            Detail = e.Message,
            Extensions = { ["entityType"] = e.EntityType, ["entityId"] = e.EntityId, ["outcomeUnknown"] = false },
        },
        // The id is the grain's key, so it is refused before there is a grain that could say so itself.
        InvalidOperationException { InnerException: InvalidEntityIdException e } => new()
        {
            Status = StatusCodes.Status400BadRequest,
            Type = "urn:writebehind:invalid-entity-id",
            Title = "Not an entity id",
            Detail = e.Message,
        },
        BadHttpRequestException e => new() { Status = e.StatusCode, Title = "Bad request", Detail = e.Message },
        // A silo that gives up looking for a grain, as another one has just gone, says that the operation was cancelled. (Where the caller
        // cancelled it, nobody waits for an answer, and this handler is not asked.)
        OrleansException or TimeoutException or OperationCanceledException or RedisException or CodecNotFoundException
            => ClusterUnavailable(),
        // An error of the runtime's own look-ups (directory, membership, reminders) on another silo, whose type can't travel.
        UnavailableExceptionFallbackException { ExceptionType: { } type }
            when OfRuntime.Any(prefix => type.StartsWith(prefix, StringComparison.Ordinal)) => ClusterUnavailable(),
        _ => null,
    };

    private static ProblemDetails ClusterUnavailable()
        => new()
        {
            Status = StatusCodes.Status503ServiceUnavailable,
            Type = "urn:shop:cluster-unavailable",
            Title = "The cluster did not answer",
            Detail = "The silo that holds the entity did not answer; whether a change was made is unknown. Repeat it with its " +
                "Idempotency-Key; without one, read it before you try again.",
            Extensions = { ["outcomeUnknown"] = true },
        };
}
