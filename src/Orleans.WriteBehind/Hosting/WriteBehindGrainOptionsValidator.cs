using System.Globalization;
using Microsoft.Extensions.Options;

namespace Orleans.WriteBehind.Hosting;

/// <summary>Checks the settings; every message names the setting, its value and the fix.</summary>
internal sealed class WriteBehindGrainOptionsValidator : IValidateOptions<WriteBehindGrainOptions>
{
    public ValidateOptionsResult Validate(string? name, WriteBehindGrainOptions options)
    {
        var failures = new List<string>();
        void Check(bool ok, string setting, object value, string fix)
        {
            if (!ok)
            {
                failures.Add(string.Create(CultureInfo.InvariantCulture, $"WriteBehindGrainOptions.{setting} is '{value}': {fix}"));
            }
        }

        Check(
            options.FlushTimeout > TimeSpan.Zero && options.FlushTimeout < TimeSpan.FromSeconds(30),
            nameof(options.FlushTimeout),
            options.FlushTimeout,
            "use a time above 0 and below the 30 s of a deactivation.");
        Check(options.SweepGrains is >= 1 and <= 64, nameof(options.SweepGrains), options.SweepGrains, "use 1 to 64.");
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
