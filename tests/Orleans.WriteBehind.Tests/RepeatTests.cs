using System.Net.Sockets;
using Orleans.Serialization;
using Orleans.WriteBehind.Tests.Grains;
using Orleans.WriteBehind.Tests.Support;
using WriteBehind;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests;

/// <summary>The helper that repeats a call under one id until it is answered.</summary>
public sealed class RepeatTests(UnflushedSilo one) : IClassFixture<UnflushedSilo>
{
    private static readonly OperationRepeat Quick = new()
    {
        FirstPause = TimeSpan.FromMilliseconds(1),
        LongestPause = TimeSpan.FromMilliseconds(5),
    };

    private readonly IOnceGrain _grain = one.Cluster.Grain<IOnceGrain>(SharedServers.FreshName("sku"));

    public static TheoryData<Exception> NotAnswered => new()
    {
        new BufferUnavailableException("Redis is away.", outcomeUnknown: true),
        new BufferUnavailableException("Redis is away."),
        new StateDiscardedException("stock", "a"),
        new WriteConflictException("stock", "a", 1, 2),
        new TimeoutException(),
        new SiloUnavailableException(),
        new OrleansException("wrapped", new BufferUnavailableException("Redis is away.", outcomeUnknown: true)),
        new OperationCanceledException(),
        new CodecNotFoundException("The placement timed out, in a type that can't travel."),
        new SocketException(111),
    };

    public static TheoryData<Exception> Answers => new()
    {
        new InvalidOperationException("none left"),
        new BufferFullException("stock", "a", 1),
        new OperationForgottenException("stock", "a", "x", OperationDoubt.Expired),
        new WriteThroughException("stock", "a", 1, new StateLostException("stock", "a")),
        new OrleansException("wrapped", new PayloadException(PayloadProblem.TooLarge, "too long", "stock", "a")),
    };

    [Theory]
    [MemberData(nameof(NotAnswered))]
    public async Task A_call_that_was_not_answered_is_repeated_under_its_id(Exception error)
    {
        var tries = 0;

        // It counts each time, and the answer is lost.
        var answer = await _grain.CallAsync(
            OperationId.New(),
            async grain =>
            {
                var added = await grain.AddAsync(3);
                return ++tries < 4 ? throw error : added;
            },
            Quick);

        Assert.Equal((4, 3), (tries, answer));
        Assert.Equal((1, 3, 1), await _grain.InfoAsync());
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task An_error_that_is_an_answer_is_not_repeated(Exception error)
    {
        var tries = 0;

        var thrown = await Assert.ThrowsAnyAsync<Exception>(() => _grain.CallAsync(
            OperationId.New(),
            _ =>
            {
                tries++;
                throw error;
            },
            Quick));

        Assert.Same(error, thrown);
        Assert.Equal(1, tries);
    }

    [Fact]
    public async Task At_the_deadline_the_last_error_is_told_also_where_the_call_hangs()
    {
        var repeat = Quick with { Deadline = TimeSpan.FromMilliseconds(300) };
        var tries = 0;

        await Assert.ThrowsAsync<SiloUnavailableException>(() => _grain.CallAsync(
            OperationId.New(),
            _ =>
            {
                tries++;
                throw new SiloUnavailableException();
            },
            repeat));
        await Assert.ThrowsAsync<TimeoutException>(() => _grain.CallAsync(OperationId.New(), _ => new TaskCompletionSource().Task, repeat));

        Assert.True(tries > 1, $"{tries} tries");
    }

    [Fact]
    public async Task A_caller_that_gives_up_is_told_so()
    {
        using var cancelled = new CancellationTokenSource();
        var call = _grain.CallAsync(OperationId.New(), _ => new TaskCompletionSource().Task, cancellationToken: cancelled.Token);

        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
    }

    [Fact]
    public void A_time_that_makes_no_sense_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Quick with { Deadline = TimeSpan.Zero });
        Assert.Throws<ArgumentOutOfRangeException>(() => Quick with { FirstPause = TimeSpan.FromSeconds(-1) });
        Assert.Throws<ArgumentOutOfRangeException>(() => Quick with { LongestPause = TimeSpan.Zero });
    }

    [Fact]
    public async Task After_the_call_the_caller_is_in_no_operation()
    {
        await _grain.CallAsync(OperationId.New(), grain => grain.AddAsync(1));
        await _grain.AddAsync(1);
        await _grain.AddAsync(1);

        Assert.Equal((3, 3, 3), await _grain.InfoAsync());
    }
}
