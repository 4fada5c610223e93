namespace WriteBehind.Tests.House;

/// <summary>
/// Newer members of a sink have a body of their own, so a wrapper that forgets one compiles, and answers in place of the sink it wraps.
/// </summary>
public sealed class WrapperTests
{
    [Fact]
    public void A_sink_that_wraps_another_passes_every_member_on()
    {
        Type[] sinks =
        [
            .. typeof(IEntitySink<>).Assembly.GetTypes()
                .Where(static type => type is { IsClass: true, IsGenericTypeDefinition: true } && type.GetGenericArguments() is [var state]
                    && state.GetGenericParameterConstraints().Length == 0)
                .Select(static type => type.MakeGenericType(typeof(State)))
                .Where(static type => typeof(IEntitySink<State>).IsAssignableFrom(type)),
        ];

        Assert.True(sinks.Length >= 2, $"{sinks.Length} were found");
        Assert.All(sinks, static sink => Assert.All(
            sink.GetInterfaceMap(typeof(IEntitySink<State>)).TargetMethods,
            method => Assert.Equal(sink, method.DeclaringType)));
    }

    private sealed class State;
}
