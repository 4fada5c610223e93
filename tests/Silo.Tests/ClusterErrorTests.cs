using Microsoft.AspNetCore.Http;
using Orleans.Serialization;
using Silo.Http;

namespace Silo.Tests;

/// <summary>
/// What the cluster itself fails with while silos come and go: it passes, so it is a 503 that says that the outcome is unknown, never a
/// 500. Some of it comes from another silo and has no codec: only its name arrives.
/// </summary>
public sealed class ClusterErrorTests
{
    public static TheoryData<Exception> Errors =>
    [
        new OrleansException("The grain directory is moving."),
        new TimeoutException(),
        new OperationCanceledException(),
        new CodecNotFoundException("Could not find a codec."),
        WithoutCodec("Orleans.Runtime.GrainDirectory.SomeDirectoryException"),
        WithoutCodec("StackExchange.Redis.RedisConnectionException"),
        WithoutCodec("System.Net.Sockets.SocketException"),
    ];

    [Theory]
    [MemberData(nameof(Errors))]
    public async Task An_error_of_the_cluster_is_a_503_whatever_is_left_of_it(Exception error)
    {
        var (handled, answer) = await HandleAsync(error);

        Assert.True(handled);
        Assert.Equal(503, answer.Response.StatusCode);
    }

    [Fact]
    public async Task An_error_of_the_application_that_has_no_codec_is_not_taken_for_one_of_the_cluster()
        => Assert.False((await HandleAsync(WithoutCodec("Shop.OrderException"))).Handled);

    private static async Task<(bool Handled, HttpContext Answer)> HandleAsync(Exception error)
    {
        var http = new DefaultHttpContext();
        return (await new ServiceExceptionHandler(new Written()).TryHandleAsync(http, error, CancellationToken.None), http);
    }

    /// <summary>As Orleans makes it of an exception whose type can't travel.</summary>
    private static UnavailableExceptionFallbackException WithoutCodec(string type)
    {
        var error = new UnavailableExceptionFallbackException("It failed.", null!);
        typeof(UnavailableExceptionFallbackException).GetProperty(nameof(error.ExceptionType))!.SetValue(error, type);
        return error;
    }

    private sealed class Written : IProblemDetailsService
    {
        public ValueTask WriteAsync(ProblemDetailsContext context) => default;

        public ValueTask<bool> TryWriteAsync(ProblemDetailsContext context) => new(context.ProblemDetails.Status == 503);
    }
}
