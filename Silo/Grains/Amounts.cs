using System.Globalization;
using Silo.Contracts;

namespace Silo.Grains;

/// <summary>What amounts the grains take.</summary>
internal static class Amounts
{
    /// <exception cref="InvalidAmountException">It is not above 0.</exception>
    public static long MustBePositive(long amount) => amount > 0
        ? amount
        : throw new InvalidAmountException(string.Create(CultureInfo.InvariantCulture, $"The amount is {amount}; it must be above 0."));

    /// <summary>Makes a change that may overflow.</summary>
    /// <exception cref="InvalidAmountException">It does.</exception>
    public static T Checked<T>(Func<T> change, long amount)
    {
        try
        {
            return change();
        }
        catch (OverflowException)
        {
            throw new InvalidAmountException(
                string.Create(CultureInfo.InvariantCulture, $"The amount {amount} is more than can be counted here."));
        }
    }
}
