using System.Globalization;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using WriteBehind.Caching;
using WriteBehind.RateLimits;

namespace WriteBehind.AspNetCore.Problems;

/// <summary>Errors as problem details (RFC 9457). The types are listed in docs/web.md.</summary>
internal static class WriteBehindProblems
{
    private const string TypePrefix = "urn:writebehind:";

    public static ProblemHttpResult Unauthenticated(string detail)
        => Result(StatusCodes.Status401Unauthorized, "unauthenticated", "Not authenticated", detail);

    public static ProblemHttpResult Forbidden(string detail) => Result(StatusCodes.Status403Forbidden, "forbidden", "Not allowed", detail);

    public static ProblemHttpResult BadRequest(string detail)
        => Result(StatusCodes.Status400BadRequest, "bad-request", "Bad request", detail);

    public static ProblemHttpResult NotFound(string detail) => Result(StatusCodes.Status404NotFound, "not-found", "Not found", detail);

    public static ProblemHttpResult KeyMissing()
        => Result(
            StatusCodes.Status400BadRequest,
            "idempotency-key-missing",
            "Idempotency-Key is missing",
            "This request is to be repeatable: make a key for it, and send the same one with each try.");

    public static ProblemHttpResult KeyMalformed(string detail)
        => Result(StatusCodes.Status400BadRequest, "idempotency-key-malformed", "Idempotency-Key is malformed", detail);

    public static ProblemHttpResult KeyInUse()
        => Result(
            StatusCodes.Status409Conflict,
            "idempotency-key-in-use",
            "The first request with this Idempotency-Key is still running",
            "Repeat the request a little later to get its answer.");

    public static ProblemHttpResult BodyTooLarge(long most)
        => Result(
            StatusCodes.Status413PayloadTooLarge,
            "body-too-large",
            "The body is too large",
            $"With an Idempotency-Key a body has at most {most} bytes here.");

    /// <summary>The problem that tells of an error, with the entity it names.</summary>
    public static ProblemDetails From(WriteBehindException error)
    {
        var (status, type, title) = Describe(error);
        var problem = Problem(status, type, title, error.Message);
        if (error.EntityType is { } entityType)
        {
            problem.Extensions["entityType"] = entityType;
        }

        if (error.EntityId is { } entityId)
        {
            problem.Extensions["entityId"] = entityId;
        }

        if (error is WriteConflictException conflict)
        {
            problem.Extensions["expectedVersion"] = conflict.ExpectedVersion;
            problem.Extensions["currentVersion"] = conflict.CurrentVersion;
        }

        if (error is RateLimitedException { RetryAfter: { } wait })
        {
            problem.Extensions["retryAfterSeconds"] = WholeSeconds(wait);
        }

        if (error is BufferUnavailableException unavailable)
        {
            problem.Extensions["outcomeUnknown"] = unavailable.OutcomeUnknown;
        }

        return problem;
    }

    /// <summary>A wait as <c>Retry-After</c> tells it: whole seconds, rounded up, or it would be too early.</summary>
    public static long WholeSeconds(TimeSpan wait) => (long)Math.Ceiling(wait.TotalSeconds);

    private static (int Status, string Type, string Title) Describe(WriteBehindException error) => error switch
    {
        UnknownEntityTypeException => (StatusCodes.Status404NotFound, "unknown-entity-type", "No such entity type"),
        InvalidEntityIdException => (StatusCodes.Status400BadRequest, "invalid-entity-id", "Not an entity id"),
        InvalidOperationIdException => (StatusCodes.Status400BadRequest, "invalid-operation-id", "Not an operation id"),
        OperationForgottenException => (StatusCodes.Status410Gone, "operation-forgotten", "Too long ago to be known"),
        OperationMismatchException
            => (StatusCodes.Status422UnprocessableEntity, "operation-mismatch", "The key is that of another request"),
        OperationResultException
            => (StatusCodes.Status500InternalServerError, "operation-result-too-long", "The result is too long to be kept"),
        WriteConflictException => (StatusCodes.Status409Conflict, "write-conflict", "Somebody else wrote first"),
        PayloadException { Problem: PayloadProblem.TooLarge }
            => (StatusCodes.Status413PayloadTooLarge, "state-too-large", "The state is too large"),
        PayloadException { Problem: PayloadProblem.NotSerializable }
            => (StatusCodes.Status422UnprocessableEntity, "state-not-serializable", "The state can't be stored"),
        PayloadException => (StatusCodes.Status500InternalServerError, "unreadable-state", "The stored state can't be read"),
        EntityRejectedException => (StatusCodes.Status422UnprocessableEntity, "entity-rejected", "The database rejects the entity"),
        RateLimitedException => (StatusCodes.Status429TooManyRequests, "rate-limited", "Too many calls"),
        BufferFullException => (StatusCodes.Status503ServiceUnavailable, "buffer-full", "Too many unflushed entities"),
        BufferUnavailableException => (StatusCodes.Status503ServiceUnavailable, "buffer-unavailable", "Redis is not available"),
        SinkException { Failure: SinkFailure.Transient or SinkFailure.Contention or SinkFailure.Held or SinkFailure.Timeout }
            => (StatusCodes.Status503ServiceUnavailable, "database-unavailable", "The database is not available"),
        SinkException => (StatusCodes.Status500InternalServerError, "database-error", "The database refuses the statement"),
        WriteThroughException { InnerException: EntityRejectedException }
            => (StatusCodes.Status422UnprocessableEntity, "entity-rejected", "The database rejects the entity"),
        WriteThroughException => (StatusCodes.Status504GatewayTimeout, "not-written-through", "Accepted, and not in the database yet"),
        CacheLoadException { InnerException: WriteBehindException cause } => Describe(cause),
        CacheLoadException => (StatusCodes.Status503ServiceUnavailable, "load-failed", "The value could not be loaded"),
        FlushPausedException => (StatusCodes.Status503ServiceUnavailable, "flush-paused", "The flush is paused"),
        FlushIncompleteException => (StatusCodes.Status504GatewayTimeout, "flush-incomplete", "The flush did not finish in time"),
        StaleRowException => (StatusCodes.Status503ServiceUnavailable, "stale-row", "The database answers with an older state"),
        StateLostException => (StatusCodes.Status500InternalServerError, "state-lost", "Redis lost the state"),
        UnexpectedKeyException
            => (StatusCodes.Status500InternalServerError, "unexpected-key", "A key in Redis was not written by this library"),
        ConfigurationException => (StatusCodes.Status500InternalServerError, "configuration", "The configuration is wrong"),
        _ => (StatusCodes.Status500InternalServerError, "error", "Something went wrong"),
    };

    private static ProblemHttpResult Result(int status, string type, string title, string detail)
        => TypedResults.Problem(Problem(status, type, title, detail));

    private static ProblemDetails Problem(int status, string type, string title, string detail)
        => new() { Status = status, Type = TypePrefix + type, Title = title, Detail = detail };
}

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
