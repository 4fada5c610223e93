namespace WriteBehind.Tests.Children;

/// <summary>A program that tests run as a process of its own, to kill it. Needs a constructor without parameters.</summary>
internal interface IChildProgram
{
    Task RunAsync(IReadOnlyList<string> arguments);
}
