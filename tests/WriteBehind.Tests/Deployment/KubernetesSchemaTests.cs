using k8s;
using WriteBehind.Tests.House;

namespace WriteBehind.Tests.Deployment;

/// <summary>
/// The manifests in <c>deploy/kubernetes</c> keep to Kubernetes' own schema: the models of its client for .NET are made from the OpenAPI
/// document of the API server, and take nothing here that these do not know.
/// </summary>
public sealed class KubernetesSchemaTests
{
    private const string Folder = "deploy/kubernetes";

    public static TheoryData<string> Manifests
        => [.. SourceTree.Files(Folder, ".yaml").Where(file => !file.EndsWith("/kustomization.yaml", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Manifests))]
    public void A_manifest_keeps_to_the_schema(string file) => Assert.NotEmpty(Read(SourceTree.Read(file)));

    [Theory]
    [InlineData("replicas:", "replcas:")]
    [InlineData("replicas: 3", "replicas: three")]
    [InlineData("apiVersion: apps/v1", "apiVersion: apps/v7")]
    [InlineData("kind: Deployment", "kind: Deploiment")]
    [InlineData("readinessProbe:", "readyProbe:")]
    [InlineData("containerPort:", "containerport:")]
    [InlineData("runAsNonRoot: true", "runAsNonRoot: sometimes")]
    public void A_manifest_that_does_not_is_seen(string right, string wrong)
    {
        var text = SourceTree.Read($"{Folder}/silo.yaml");
        Assert.Contains(right, text, StringComparison.Ordinal);

        Assert.ThrowsAny<Exception>(() => Read(text.Replace(right, wrong, StringComparison.Ordinal)));
    }

    private static List<object> Read(string text) => KubernetesYaml.LoadAllFromString(text, typeMap: null, strict: true);
}
