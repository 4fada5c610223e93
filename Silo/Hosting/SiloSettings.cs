using System.Globalization;
using System.Net;

namespace Silo.Hosting;

/// <summary>
/// What a deployment sets. Each is an environment variable (<c>WRITEBEHIND_SILO_PORT</c>) or a key of the section <c>Silo</c> in
/// appsettings.json (<c>SiloPort</c>); the variable wins.
/// </summary>
internal sealed record SiloSettings
{
    /// <summary>StackExchange.Redis configuration. May hold a password: never shown.</summary>
    public required string Redis { get; init; }

    /// <summary>Npgsql connection string. May hold a password: never shown.</summary>
    public required string Postgres { get; init; }

    /// <summary>Silos of one cluster share it. A new one for each deployment that must not mix with the last (blue/green).</summary>
    public required string ClusterId { get; init; }

    /// <summary>Names reminders and stored grains over all deployments.</summary>
    public required string ServiceId { get; init; }

    /// <summary>The address that other silos and clients reach this one at; null: this machine's own, as Orleans finds it.</summary>
    public required IPAddress? Address { get; init; }

    /// <summary>For other silos.</summary>
    public required int SiloPort { get; init; }

    /// <summary>For clients.</summary>
    public required int GatewayPort { get; init; }

    /// <summary>Whether missing tables are created at the start.</summary>
    public required bool CreateSchema { get; init; }

    /// <summary>Whether everybody may use the operator's endpoints. Only where something before them decides who gets that far.</summary>
    public required bool OpenEndpoints { get; init; }

    /// <summary>How long a stop may take: grains deactivate (30 s at most), then what is dirty is flushed (<c>DrainTimeout</c>).</summary>
    public required TimeSpan ShutdownTimeout { get; init; }

    /// <exception cref="InvalidOperationException">A setting is missing or wrong; the message names it.</exception>
    public static SiloSettings Read(IConfiguration configuration) => new()
    {
        Redis = Text(configuration, "Redis", "REDIS"),
        Postgres = Text(configuration, "Postgres", "POSTGRES"),
        ClusterId = Text(configuration, "ClusterId", "CLUSTER_ID"),
        ServiceId = Text(configuration, "ServiceId", "SERVICE_ID"),
        Address = Find(configuration, "Address", "ADDRESS") is { } address
            ? Parse(IPAddress.TryParse(address, out var parsed), parsed, "Address", "ADDRESS", address, "an IP address")
            : null,
        SiloPort = Number(configuration, "SiloPort", "SILO_PORT", IPEndPoint.MaxPort),
        GatewayPort = Number(configuration, "GatewayPort", "GATEWAY_PORT", IPEndPoint.MaxPort),
        CreateSchema = Flag(configuration, "CreateSchema", "CREATE_SCHEMA"),
        OpenEndpoints = Flag(configuration, "OpenEndpoints", "OPEN_ENDPOINTS"),
        ShutdownTimeout = TimeSpan.FromSeconds(Number(configuration, "ShutdownSeconds", "SHUTDOWN_SECONDS", 3600)),
    };

    private static string Text(IConfiguration configuration, string key, string variable) => Find(configuration, key, variable)
        ?? throw new InvalidOperationException($"WRITEBEHIND_{variable} is not set (Silo:{key} in appsettings.json).");

    private static string? Find(IConfiguration configuration, string key, string variable)
        => configuration[$"WRITEBEHIND_{variable}"] is { Length: > 0 } set ? set
            : configuration[$"Silo:{key}"] is { Length: > 0 } written ? written
            : null;

    private static int Number(IConfiguration configuration, string key, string variable, int most)
    {
        var text = Text(configuration, key, variable);
        var isNumber = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= most;
        return Parse(
            isNumber, number, key, variable, text, string.Create(CultureInfo.InvariantCulture, $"a whole number from 1 to {most}"));
    }

    private static bool Flag(IConfiguration configuration, string key, string variable)
    {
        var text = Text(configuration, key, variable);
        return Parse(bool.TryParse(text, out var flag), flag, key, variable, text, "true or false");
    }

    private static T Parse<T>(bool isRight, T value, string key, string variable, string text, string wanted) => isRight
        ? value
        : throw new InvalidOperationException($"WRITEBEHIND_{variable} (Silo:{key}) is '{text}'; it must be {wanted}.");
}
