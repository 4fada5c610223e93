using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using WriteBehind.Tests.House;
using YamlDotNet.RepresentationModel;

namespace WriteBehind.Tests.Deployment;

/// <summary>The manifests in <c>deploy/kubernetes</c> fit each other, and the silo that they run.</summary>
public sealed partial class KubernetesTests
{
    private const string Folder = "deploy/kubernetes";

    private static readonly Dictionary<string, YamlNode> Objects = Files()
        .SelectMany(file => Manifest.Read($"{Folder}/{file}"))
        .ToDictionary(node => node.Text("kind"));

    private static YamlNode Pod => Objects["Deployment"].At("spec.template");

    private static YamlNode Container => Assert.Single(Pod.List("spec.containers"));

    [Fact]
    public void Every_manifest_is_applied_and_says_what_it_is()
    {
        Assert.Equal(
            SourceTree.Files(Folder, ".yaml").Select(file => Path.GetFileName(file)).Where(file => file != "kustomization.yaml"),
            Files().Order(StringComparer.Ordinal));
        Assert.Equal(
            [
                ("Deployment", "apps/v1"),
                ("NetworkPolicy", "networking.k8s.io/v1"),
                ("PodDisruptionBudget", "policy/v1"),
                ("Service", "v1"),
            ],
            Objects.Select(pair => (pair.Key, pair.Value.Text("apiVersion"))).Order());
        Assert.All(Objects.Values, node => Assert.Matches("^[a-z][a-z0-9-]*$", node.Text("metadata.name")));
    }

    [Theory]
    [InlineData("Deployment", "spec.selector.matchLabels")]
    [InlineData("PodDisruptionBudget", "spec.selector.matchLabels")]
    [InlineData("NetworkPolicy", "spec.podSelector.matchLabels")]
    [InlineData("Service", "spec.selector")]
    public void Each_selector_selects_the_silos(string kind, string path)
        => Assert.Subset(Pod.Pairs("metadata.labels").ToHashSet(), Objects[kind].Pairs(path).ToHashSet());

    [Fact]
    public void Ports_are_those_of_the_image_and_of_the_silos_settings()
    {
        var ports = Container.List("ports").ToDictionary(port => port.Text("name"), port => port.Number("containerPort"));
        using var settings = JsonDocument.Parse(SourceTree.Read("Silo/appsettings.json"));
        var image = SourceTree.Read("Silo/Dockerfile");
        var exposed = Exposed().Match(image).Groups[1].Value.Split(' ').Select(port => int.Parse(port, CultureInfo.InvariantCulture));

        Assert.Equal(settings.RootElement.GetProperty("Silo").GetProperty("SiloPort").GetInt32(), ports["silo"]);
        Assert.Equal(settings.RootElement.GetProperty("Silo").GetProperty("GatewayPort").GetInt32(), ports["gateway"]);
        Assert.Contains($"ASPNETCORE_HTTP_PORTS={ports["http"]}\n", image, StringComparison.Ordinal);
        Assert.Equal(exposed.Order(), ports.Values.Order());

        var named = Objects["Service"].List("spec.ports").Select(port => port.Text("targetPort"))
            .Concat(Objects["NetworkPolicy"].List("spec.ingress").SelectMany(rule => rule.List("ports")).Select(port => port.Text("port")))
            .Concat(Probes().Select(probe => probe.Text("httpGet.port")));
        Assert.Subset(ports.Keys.ToHashSet(), named.ToHashSet());
    }

    [Fact]
    public void Probes_ask_paths_that_the_silo_maps()
    {
        var code = SourceTree.Read("src/WriteBehind.AspNetCore/WriteBehindEndpointRouteBuilderExtensions.cs");
        var prefix = HealthPrefix().Match(code).Groups[1].Value;
        var mapped = MappedCheck().Matches(code).Select(match => $"{prefix}/{match.Groups[1].Value}").ToArray();

        Assert.Contains("MapWriteBehindHealth(", SourceTree.Read("Silo/Program.cs"), StringComparison.Ordinal);
        Assert.Equal(2, mapped.Length);
        Assert.Equal("/health/ready", Container.Text("readinessProbe.httpGet.path"));
        Assert.Equal("/health/live", Container.Text("livenessProbe.httpGet.path"));
        Assert.All(Probes(), probe => Assert.Contains(probe.Text("httpGet.path"), mapped));
    }

    [Fact]
    public void Variables_are_those_that_the_silo_reads()
    {
        var settings = SourceTree.Read("Silo/Hosting/SiloSettings.cs");
        var known = Setting().Matches(settings).Select(match => "WRITEBEHIND_" + match.Groups[1].Value).ToHashSet();
        var set = Container.List("env").Select(variable => variable.Text("name")).ToArray();

        Assert.Subset(known, set.ToHashSet());
        Assert.Subset(set.ToHashSet(), new HashSet<string> { "WRITEBEHIND_REDIS", "WRITEBEHIND_POSTGRES", "WRITEBEHIND_ADDRESS" });
        Assert.Equal("status.podIP", Variable("WRITEBEHIND_ADDRESS").Text("valueFrom.fieldRef.fieldPath"));
        Assert.All(
            ["WRITEBEHIND_REDIS", "WRITEBEHIND_POSTGRES"],
            (string secret) => Assert.Null(Variable(secret).Find("value"))); // they hold passwords
    }

    [Fact]
    public void A_stop_has_the_time_that_it_may_take()
    {
        var wait = int.Parse(Container.List("lifecycle.preStop.exec.command")[1].ToString(), CultureInfo.InvariantCulture);
        var probe = Container.At("readinessProbe");

        Assert.True(
            Pod.Number("spec.terminationGracePeriodSeconds") > wait + Variable("WRITEBEHIND_SHUTDOWN_SECONDS").Number("value"),
            "Kubernetes kills the silo before its own budget is over.");
        Assert.True(wait >= probe.Number("periodSeconds") * probe.Number("failureThreshold"));
    }

    [Fact]
    public void A_roll_out_and_a_drained_node_leave_enough_silos()
    {
        Assert.True(Objects["Deployment"].Number("spec.replicas") >= 3);
        Assert.Equal(0, Objects["Deployment"].Number("spec.strategy.rollingUpdate.maxUnavailable"));
        Assert.Equal(1, Objects["PodDisruptionBudget"].Number("spec.maxUnavailable"));
    }

    [Fact]
    public void A_silo_runs_without_rights_that_it_does_not_need()
    {
        Assert.Equal("true", Pod.Text("spec.securityContext.runAsNonRoot"));
        Assert.Equal("false", Pod.Text("spec.automountServiceAccountToken"));
        Assert.Equal("false", Container.Text("securityContext.allowPrivilegeEscalation"));
    }

    private static IEnumerable<string> Files()
        => Manifest.Read($"{Folder}/kustomization.yaml").Single().List("resources").Select(file => file.ToString());

    private static YamlNode Variable(string name) => Container.List("env").Single(variable => variable.Text("name") == name);

    private static YamlNode[] Probes() => [Container.At("startupProbe"), Container.At("livenessProbe"), Container.At("readinessProbe")];

    [GeneratedRegex(@"^EXPOSE ([\d ]+)$", RegexOptions.Multiline)]
    private static partial Regex Exposed();

    [GeneratedRegex(@"MapWriteBehindHealth\(\s*this IEndpointRouteBuilder endpoints, string prefix = ""([^""]+)""")]
    private static partial Regex HealthPrefix();

    [GeneratedRegex(@"MapHealthChecks\(""(\w+)""")]
    private static partial Regex MappedCheck();

    // The name of a variable, beside that of the key in appsettings.json.
    [GeneratedRegex(@"\(configuration, ""\w+"", ""(\w+)""")]
    private static partial Regex Setting();
}
