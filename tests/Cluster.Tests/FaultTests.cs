using Cluster.Tests.Support;

namespace Cluster.Tests;

/// <summary>
/// Three silos as processes of their own, under load, and one thing that goes wrong. At the end of each: every acknowledged write is in
/// PostgreSQL, no version ever fell, and every error was told to somebody (<see cref="LoadedRun.FinishAsync"/>).
/// </summary>
[Collection(RunningCluster.Collection)]
public sealed class FaultTests(RunningCluster cluster)
{
    private readonly FaultCheck _check = new(cluster, RunSettings.Seed);

    // Orleans thread 9655: grains whose state is flushed by a timer lose it when silos are replaced.
    [Fact]
    public Task A_rolling_restart_under_load_drains_every_silo_and_loses_nothing() => _check.RunAsync(Fault.RollingRestart);

    [Fact]
    public Task Silos_killed_at_random_under_load_lose_nothing_that_was_acknowledged() => _check.RunAsync(Fault.Kill);

    // Each caller repeats its call under one id: all are answered, and the sums are exact.
    [Fact]
    public Task Callers_that_repeat_under_one_id_while_silos_are_killed_are_all_answered_and_count_once()
        => _check.RunAsync(Fault.Kill, repeats: true);

    // Orleans threads 5687, 6857, 8658: an owner that was given up wakes and writes what it still holds.
    [Fact]
    public Task A_silo_that_wakes_after_it_was_declared_dead_overwrites_nothing_and_ends() => _check.RunAsync(Fault.Zombie);

    [Fact]
    public Task A_redis_that_comes_back_with_its_append_only_file_has_every_acknowledged_write() => _check.RunAsync(Fault.RedisRestart);

    [Fact]
    public Task While_postgres_is_away_writes_go_on_and_all_of_them_arrive_when_it_is_back() => _check.RunAsync(Fault.PostgresOutage);
}
