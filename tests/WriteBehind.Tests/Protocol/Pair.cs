using System.Runtime.CompilerServices;

namespace WriteBehind.Tests.Protocol;

/// <summary>Two of a kind, in place.</summary>
[InlineArray(Count)]
internal struct Pair<T>
    where T : unmanaged
{
    public const int Count = 2;

    private T _first;
}
