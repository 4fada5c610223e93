using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
using WriteBehind;
using WriteBehind.Caching;
using WriteBehind.RateLimits;

namespace Orleans.WriteBehind.Tests;

/// <summary>Errors keep their type, entity, versions and cause over the wire.</summary>
public sealed class ErrorTests
{
    public static TheoryData<WriteBehindException> Errors => new()
    {
        new WriteConflictException("stock", "a", 3, 5),
        new BufferFullException("stock", "a", 1000),
        new BufferUnavailableException("Redis is away.", outcomeUnknown: true, "stock", "a", new TimeoutException("too slow")),
        new EntityRejectedException(
            "stock", "a", "it breaks a check.", new SinkException(SinkFailure.Entity, "check", "23514", "stock", "a"), 7),
        new FlushIncompleteException(
            "stock", "a", TimeSpan.FromSeconds(3), "the database is away.", new IOException("broken", new SocketException(111))),
        new FlushPausedException(
            "a", new FlushPause("stock", DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddMinutes(10), "ann@desk")),
        new InvalidEntityIdException("stock", null, "an id must not be empty."),
        new PayloadException(PayloadProblem.TooLarge, "too long", "stock", "a", new InvalidOperationException("inner")),
        new SinkException(SinkFailure.Transient, "away", "57P01", "stock", "a", new IOException("broken"), outcomeUnknown: true),
        new UnknownEntityTypeException("stok", ["stock", "views"]),
        new ConfigurationException("KeyPrefix", "wrong", "stock", new FormatException("bad")),
        new WriteThroughException(
            "stock", "a", 4, new FlushIncompleteException("stock", "a", TimeSpan.FromSeconds(3), "the database is away.")),
        new CacheLoadException("pages", "a", new IOException("broken")),
        new RateLimitedException("api", "ann", TimeSpan.FromSeconds(1.5)),
        new RateLimitedException("api", "ann"),
        new StateDiscardedException("stock", "a", new WriteConflictException("stock", "a", 1, 2)),
        new StateDiscardedException("stock", "a", new WriteConflictException("stock", "a", 1, 2), changesSaved: true),
        new StateLostException("stock", "a"),
        new StaleRowException("stock", "a", 7, 5),
        new StaleRowException("stock", "a", 7, null),
        new InvalidOperationIdException("stock", "a", "x", "it has no time."),
        new InvalidOperationIdException("stock", "a", null, "it has no time."),
        new OperationForgottenException("stock", "a", "1767225600000-x", OperationDoubt.RedisLost),
        new OperationResultException("stock", "a", "1767225600000-x", 9, 8),
        new OperationMismatchException("stock", "a", "1767225600000-x"),
        new UnexpectedKeyException("wb:{stock:1}:e:a", "WRONGTYPE", "stock", "a", new FormatException("bad")),
    };

    [Theory]
    [MemberData(nameof(Errors))]
    public void An_error_arrives_as_it_was_sent(WriteBehindException sent)
    {
        using var services = new ServiceCollection().AddSerializer(
            serializer => serializer.AddAssembly(typeof(StateDiscardedException).Assembly)).BuildServiceProvider();
        var serializer = services.GetRequiredService<Serializer<Exception>>();
        var thrown = Throw(sent);

        var arrived = serializer.Deserialize(serializer.SerializeToArray(thrown));

        AssertSame(thrown, arrived, overWire: true);
        Assert.Contains(nameof(Throw), arrived?.StackTrace ?? string.Empty, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_error_of_the_libraries_is_among_them()
    {
        Type[] oneOfEach =
            [typeof(WriteBehindException), typeof(StateDiscardedException), typeof(WriteBehindOptions), typeof(WriteBehindGrainOptions)];
        var all = oneOfEach.SelectMany(static type => type.Assembly.GetTypes())
            .Where(static type => type.IsSubclassOf(typeof(WriteBehindException)) && !type.IsAbstract);

        Assert.Empty(all.Except(((IEnumerable<object[]>)Errors).Select(static row => row[0].GetType())));
    }

    [Theory]
    [MemberData(nameof(Errors))]
    public void An_error_is_the_same_after_a_copy(WriteBehindException sent)
    {
        using var services = new ServiceCollection().AddSerializer(
            serializer => serializer.AddAssembly(typeof(StateDiscardedException).Assembly)).BuildServiceProvider();

        AssertSame(sent, services.GetRequiredService<DeepCopier<Exception>>().Copy(sent), overWire: false);
    }

    private static void AssertSame(Exception sent, Exception? arrived, bool overWire)
    {
        Assert.NotNull(arrived);
        Assert.Equal(sent.Message, arrived.Message);
        if (sent is not WriteBehindException)
        {
            // Within a silo the cause is what it was; on the other side its type may not exist.
            Assert.Equal(
                sent.GetType().FullName, overWire ? Assert.IsType<RemoteCauseException>(arrived).TypeName : arrived.GetType().FullName);
        }
        else
        {
            Assert.IsType(sent.GetType(), arrived);
            foreach (var property in sent.GetType().GetProperties()
                .Where(property => typeof(WriteBehindException).IsAssignableFrom(property.DeclaringType)))
            {
                Assert.Equal(property.GetValue(sent), property.GetValue(arrived));
            }
        }

        Assert.Equal(sent.InnerException is null, arrived.InnerException is null);
        if (sent.InnerException is { } cause)
        {
            AssertSame(cause, arrived.InnerException, overWire);
        }
    }

    private static WriteBehindException Throw(WriteBehindException error)
    {
        try
        {
            throw error;
        }
        catch (WriteBehindException thrown)
        {
            return thrown;
        }
    }
}
