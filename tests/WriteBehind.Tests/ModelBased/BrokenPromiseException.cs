namespace WriteBehind.Tests.ModelBased;

/// <summary>What was seen is not what the model allows.</summary>
public sealed class BrokenPromiseException(string message) : Exception(message)
{
    /// <summary>Throws where the condition does not hold.</summary>
    public static void Unless(bool condition, string message)
    {
        if (!condition)
        {
            throw new BrokenPromiseException(message);
        }
    }
}
