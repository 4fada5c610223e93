using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using WriteBehind.Common;

namespace WriteBehind.Engine;

/// <summary>
/// Brings the application's configuration into the settings: those of the engine, and of each type, cache, limit and queue by its name.
/// What configuration says comes after code. A name that nobody knows is an error: a setting that is misspelt would be one that is not set.
/// </summary>
/// <remarks>
/// It runs when the engine's settings are first asked for, which is before anything else of the engine is made.
/// </remarks>
/// <param name="section">Where they are in the application's configuration.</param>
/// <param name="targets">The settings with a name.</param>
[RequiresUnreferencedCode("Settings are bound by reflection.")]
[RequiresDynamicCode("Settings are bound by reflection.")]
internal sealed class ConfigurationBinding(IConfigurationSection section, IEnumerable<ConfigurationTarget> targets)
    : IPostConfigureOptions<WriteBehindOptions>
{
    /// <summary>The section of the grains' side, which is that package's business.</summary>
    public const string Grains = "Grains";

    public IConfigurationSection Section => section;

    public void PostConfigure(string? name, WriteBehindOptions options)
    {
        Bind(section, options, [.. ConfigurationTarget.Sections, Grains]);
        var named = targets.ToLookup(static target => target.Section, StringComparer.OrdinalIgnoreCase);
        foreach (var part in ConfigurationTarget.Sections)
        {
            var own = section.GetSection(part);
            CheckNames(own, named[part].Select(static target => target.Name), "registered names");
            foreach (var target in named[part])
            {
                Bind(own.GetSection(target.Name), target.Options);
            }
        }
    }

    /// <summary>Binds a section to settings.</summary>
    /// <param name="section">The section.</param>
    /// <param name="options">The settings.</param>
    /// <param name="except">What in the section is not for them.</param>
    /// <exception cref="ConfigurationException">There is something else in it, or it can't be read.</exception>
    public static void Bind(IConfigurationSection section, object options, params string[] except)
    {
        CheckNames(section, except.Concat(options.GetType().GetProperties().Select(static property => property.Name)), "settings");
        try
        {
            section.Bind(options);
        }
        catch (InvalidOperationException e)
        {
            throw new ConfigurationException(section.Path, $"{e.Message} {e.InnerException?.Message}".TrimEnd(), cause: e);
        }
    }

    private static void CheckNames(IConfigurationSection section, IEnumerable<string> known, string what)
    {
        var names = known.ToHashSet(StringComparer.OrdinalIgnoreCase);
        if (section.GetChildren().FirstOrDefault(child => !names.Contains(child.Key)) is { } unknown)
        {
            throw new ConfigurationException(
                unknown.Path,
                $"The configuration has '{unknown.Path}', which is not known. The {what} of '{section.Path}' are " +
                (names.Count == 0 ? "none" : string.Join(", ", names.Order(StringComparer.OrdinalIgnoreCase))) + ".");
        }
    }
}
