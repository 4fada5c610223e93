using Chaos.Faults;
using Chaos.Mutants;
using WriteBehind.TestTools;

namespace Chaos.Tests;

/// <summary>Short runs of what <c>./chaos.sh</c> runs long, and what keeps it usable.</summary>
public sealed class ChaosTests
{
    [Fact]
    public async Task The_engine_keeps_its_promises_through_faults_of_all_kinds()
        => await AssertNothingFoundAsync(new() { Seed = 20261130, Time = TimeSpan.FromSeconds(15) });

    [Fact]
    public async Task Three_silos_keep_their_promises_through_faults_of_all_kinds()
        => await AssertNothingFoundAsync(new() { Seed = 20261130, Time = TimeSpan.FromSeconds(15), IsOfSilos = true });

    /// <summary>A mutant that can't be made any more would be missed only when somebody runs them.</summary>
    [Fact]
    public void Each_mutant_fits_the_sources()
    {
        foreach (var edit in Mutant.All.SelectMany(static mutant => mutant.Edits))
        {
            var source = File.ReadAllText(Path.Combine(Sources.Root, edit.File));

            Assert.NotEqual(source, edit.Apply(source));
        }
    }

    [Fact]
    public void A_text_that_the_sources_have_no_longer_or_twice_makes_no_mutant()
    {
        var edit = new Edit("file", "a", "§m ? # : b");

        Assert.Equal("x global::WriteBehind.Mutation.Is(\"m\") ? a : b y", edit.Apply("x a y"));
        Assert.Throws<InvalidOperationException>(() => edit.Apply("x"));
        Assert.Throws<InvalidOperationException>(() => edit.Apply("a a"));
    }

    [Theory]
    [InlineData("--seconds")]
    [InlineData("--seconds", "0")]
    [InlineData("--seed", "x")]
    [InlineData("--mode", "other")]
    [InlineData("--other")]
    [InlineData("--topology", "other")]
    [InlineData("--topology", "1")]
    [InlineData("--losses", "--mode", "silos")]
    [InlineData("--losses", "--topology", "cluster")]
    public void A_wrong_option_is_refused(params string[] arguments)
        => Assert.Throws<UsageException>(() => ChaosArguments.Parse(arguments));

    [Theory]
    [InlineData("redis-emptied", Topology.Plain, true)]
    [InlineData("redis", Topology.Plain, false)]
    [InlineData("link,redis-switched", Topology.Sentinel, false)]
    [InlineData("redis-slot-moved", Topology.Cluster, false)]
    [InlineData("postgres-promoted", Topology.Standby, false)]
    public void Who_names_a_fault_gets_what_it_needs(string faults, object topology, bool hasLosses)
    {
        var arguments = ChaosArguments.Parse(["--faults", faults]);

        Assert.Equal(topology, arguments.Topology);
        Assert.Equal(hasLosses, arguments.HasLosses);
    }

    private static async Task AssertNothingFoundAsync(ChaosArguments arguments)
    {
        var result = await ChaosRun.RunAsync(arguments, static _ => { });

        Assert.True(
            result.Findings.Count == 0,
            $"./chaos.sh --seed {arguments.Seed} --seconds {arguments.Time.TotalSeconds:0}: {string.Join('\n', result.Findings.Take(20))}");
        Assert.NotEmpty(result.Faults);
        Assert.True(result.Calls.GetValueOrDefault("Ok") > 100);
    }
}
