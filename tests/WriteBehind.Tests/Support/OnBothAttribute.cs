using System.Reflection;
using Xunit.Sdk;

namespace WriteBehind.Tests.Support;

/// <summary>What a test runs on.</summary>
public enum Servers
{
    /// <summary>Redis and PostgreSQL.</summary>
    Real,

    /// <summary>What WriteBehind.Testing has in their place: it is to behave alike.</summary>
    InMemory,
}

/// <summary>A theory that holds on real servers and in memory; each time with the other arguments behind.</summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class OnBothAttribute(params object[] arguments) : DataAttribute
{
    public override IEnumerable<object[]> GetData(MethodInfo testMethod)
        => [[Servers.Real, .. arguments], [Servers.InMemory, .. arguments]];
}
