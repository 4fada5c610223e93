using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using WriteBehind.TestTools.Processes;

namespace WriteBehind.TestTools;

/// <summary>A private Redis that also speaks TLS, with a certificate of its own that nobody trusts by himself.</summary>
public sealed class TlsRedis : IAsyncDisposable
{
    private TlsRedis(RedisServer server, int port, string certificateHash)
        => (Server, Port, CertificateHash) = (server, port, certificateHash);

    /// <summary>The server, which speaks without TLS on its own port.</summary>
    public RedisServer Server { get; }

    /// <summary>The port for TLS.</summary>
    public int Port { get; }

    /// <summary>A StackExchange.Redis configuration string, for TLS.</summary>
    public string Configuration => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port},ssl=true");

    /// <summary>The hash of its certificate, for whoever wants to trust it.</summary>
    public string CertificateHash { get; }

    /// <summary>Starts one and waits until it answers.</summary>
    public static async Task<TlsRedis> StartAsync()
    {
        using var key = RSA.Create(2048);
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var folder = Directory.CreateTempSubdirectory("writebehind-tls-");
        try
        {
            var (certificateFile, keyFile) = (Path.Combine(folder.FullName, "redis.crt"), Path.Combine(folder.FullName, "redis.key"));
            await File.WriteAllTextAsync(certificateFile, certificate.ExportCertificatePem());
            await File.WriteAllTextAsync(keyFile, key.ExportPkcs8PrivateKeyPem());
            var port = FreePort.Next();
            var server = await RedisServer.StartAsync(new()
            {
                ExtraArguments =
                [
                    "--tls-port", port.ToString(CultureInfo.InvariantCulture), "--tls-cert-file", certificateFile,
                    "--tls-key-file", keyFile, "--tls-ca-cert-file", certificateFile, "--tls-auth-clients", "no",
                ],
            });
            return new(server, port, certificate.GetCertHashString());
        }
        finally
        {
            // It has read them.
            folder.Delete(recursive: true);
        }
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync() => Server.DisposeAsync();
}
