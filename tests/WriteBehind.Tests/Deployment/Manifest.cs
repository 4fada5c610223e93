using System.Globalization;
using WriteBehind.Tests.House;
using YamlDotNet.RepresentationModel;

namespace WriteBehind.Tests.Deployment;

/// <summary>The YAML files of <c>deploy</c>.</summary>
internal static class Manifest
{
    /// <summary>The documents of a file.</summary>
    public static IReadOnlyList<YamlNode> Read(string file)
    {
        var stream = new YamlStream();
        using var text = new StringReader(SourceTree.Read(file));
        stream.Load(text);
        return [.. stream.Documents.Select(document => document.RootNode)];
    }

    /// <summary>What a path such as <c>spec.template.metadata</c> leads to; null where it leads nowhere.</summary>
    public static YamlNode? Find(this YamlNode node, string path)
    {
        var found = node;
        foreach (var name in path.Split('.'))
        {
            found = found is YamlMappingNode mapping && mapping.Children.TryGetValue(new YamlScalarNode(name), out var child)
                ? child
                : null;
        }

        return found;
    }

    /// <summary>The same where it must be there.</summary>
    public static YamlNode At(this YamlNode node, string path)
        => node.Find(path) ?? throw new InvalidOperationException($"There is no '{path}' in {node}.");

    public static string Text(this YamlNode node, string path) => node.At(path).ToString();

    public static int Number(this YamlNode node, string path) => int.Parse(node.Text(path), CultureInfo.InvariantCulture);

    public static YamlNode[] List(this YamlNode node, string path) => [.. (YamlSequenceNode)node.At(path)];

    /// <summary>The names and values of a mapping.</summary>
    public static Dictionary<string, string> Pairs(this YamlNode node, string path)
        => ((YamlMappingNode)node.At(path)).ToDictionary(pair => pair.Key.ToString(), pair => pair.Value.ToString());
}
