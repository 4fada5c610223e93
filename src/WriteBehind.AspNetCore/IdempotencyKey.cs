using System.Buffers;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using WriteBehind.AspNetCore.Problems;

namespace WriteBehind.AspNetCore;

/// <summary>
/// The header <c>Idempotency-Key</c> of a request (IETF draft-ietf-httpapi-idempotency-key-header): it names an operation, so that the
/// request can be repeated until it is answered. Endpoints with
/// <see cref="IdempotencyKeyEndpointConventionBuilderExtensions.WithIdempotencyKey"/> take it as a parameter, which is null where a request
/// has none.
/// </summary>
public sealed class IdempotencyKey
{
    /// <summary>The header.</summary>
    public const string Header = "Idempotency-Key";

    private const int FingerprintLength = 8;

    private readonly byte[] _fingerprint;

    internal IdempotencyKey(string operation, byte[] hash)
    {
        Operation = operation;
        _fingerprint = hash[..FingerprintLength];
        Fingerprint = Convert.ToHexString(_fingerprint);
    }

    /// <summary>The operation's id, for <see cref="IEntityStore{TState}"/> and for calls of grains.</summary>
    public string Operation { get; }

    /// <summary>
    /// Tells the request from others: of its method, path, query and body. Calls of grains take it as what they are about
    /// (<c>Operations.Begin</c>).
    /// </summary>
    public string Fingerprint { get; }

    /// <summary>The key of a request; null where it has none, or its endpoint takes none.</summary>
    public static IdempotencyKey? Of(HttpContext http)
    {
        ArgumentNullException.ThrowIfNull(http);
        return http.Features.Get<IdempotencyKey>();
    }

    /// <summary>Makes it a parameter of endpoints.</summary>
    public static ValueTask<IdempotencyKey?> BindAsync(HttpContext http) => new(Of(http));

    /// <summary>What a store is to keep of an answer: the request's fingerprint, and the answer as JSON.</summary>
    /// <param name="answer">The answer.</param>
    public ReadOnlyMemory<byte> Keep<TAnswer>(TAnswer answer)
        => (byte[])[.. _fingerprint, .. JsonSerializer.SerializeToUtf8Bytes(answer, JsonSerializerOptions.Web)];

    /// <summary>The answer that was kept with <see cref="Keep"/>, the first time or now.</summary>
    /// <param name="entityType">The store's type.</param>
    /// <param name="entityId">The entity.</param>
    /// <param name="kept">What the store says.</param>
    /// <exception cref="OperationMismatchException">The first time it was another request: 422.</exception>
    public TAnswer Take<TAnswer>(string entityType, string entityId, OperationAnswer kept)
    {
        var bytes = kept.Result.Span;
        return bytes.Length > FingerprintLength && bytes[..FingerprintLength].SequenceEqual(_fingerprint)
            ? JsonSerializer.Deserialize<TAnswer>(bytes[FingerprintLength..], JsonSerializerOptions.Web)!
            : throw new OperationMismatchException(entityType, entityId, Operation);
    }

    /// <summary>Reads the header: a string of structured fields (RFC 8941). Its parameters mean nothing here.</summary>
    internal static bool TryRead(StringValues header, out string operation, out string reason)
    {
        (operation, reason) = (string.Empty, string.Empty);
        if (header is not [{ } text])
        {
            reason = "There is more than one.";
        }
        else if (!TryReadString(text.AsSpan().Trim(' '), out operation))
        {
            reason = "It must be a string of structured fields: in double quotes, as in \"019a3f6e-0c5d-7c1e-9f43-8d2a6f1b7e30\".";
        }
        else if (OperationId.TimeOf(operation) is null)
        {
            reason = "The key must begin with its time: a UUID of version 7, or milliseconds since 1970 as 13 digits and a '-'. At most " +
                $"{OperationId.MaxLength} characters, without blanks.";
        }

        return reason.Length == 0;
    }

    private static bool TryReadString(ReadOnlySpan<char> text, out string value)
    {
        value = string.Empty;
        if (text.Length < 2 || text[0] != '"')
        {
            return false;
        }

        var read = new StringBuilder(text.Length);
        for (var i = 1; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '"':
                    value = read.ToString();
                    return i == text.Length - 1 || text[i + 1] == ';';
                case '\\' when ++i == text.Length || text[i] is not ('"' or '\\'):
                case < ' ' or > '~':
                    return false;
                default:
                    read.Append(text[i]);
                    break;
            }
        }

        return false;
    }
}

/// <summary>How an endpoint takes <see cref="IdempotencyKey"/>s.</summary>
public sealed class IdempotencyKeyOptions
{
    /// <summary>Whether requests without a key are refused (400); default false.</summary>
    public bool IsRequired { get; set; }

    /// <summary>
    /// The longest body of a request with a key, in bytes; default 1 MiB. Beyond it: 413. It is read before the endpoint sees it.
    /// </summary>
    public int MaxBodyBytes { get; set; } = 1 << 20;
}

/// <summary>Lets endpoints take <see cref="IdempotencyKey"/>s.</summary>
public static class IdempotencyKeyEndpointConventionBuilderExtensions
{
    /// <summary>
    /// Lets an endpoint take the header <c>Idempotency-Key</c>: 400 where it can't be read, 409 while the first request with the key is
    /// still running in this process. The endpoint takes an <see cref="IdempotencyKey"/> and passes it on to the store or grain, whose
    /// memo has the answer: the same for each repeat, and 422 where the request is another one. Requests without the header go on as they
    /// are.
    /// </summary>
    /// <param name="builder">The endpoint, or a group of them.</param>
    /// <param name="configure">Changes the settings.</param>
    public static TBuilder WithIdempotencyKey<TBuilder>(this TBuilder builder, Action<IdempotencyKeyOptions>? configure = null)
        where TBuilder : IEndpointConventionBuilder
    {
        ArgumentNullException.ThrowIfNull(builder);
        var options = new IdempotencyKeyOptions();
        configure?.Invoke(options);
        if (options.MaxBodyBytes < 0)
        {
            throw new ConfigurationException(
                nameof(IdempotencyKeyOptions.MaxBodyBytes),
                $"IdempotencyKeyOptions.MaxBodyBytes is {options.MaxBodyBytes}: use 0 or more.");
        }

        builder.Add(endpoint =>
        {
            if (endpoint.RequestDelegate is { } next)
            {
                endpoint.RequestDelegate = new IdempotencyKeyFilter(next, options).InvokeAsync;
            }
        });
        return builder;
    }
}

/// <summary>Stands before an endpoint, and before its parameters are read: the fingerprint is of the body as it came.</summary>
internal sealed class IdempotencyKeyFilter(RequestDelegate next, IdempotencyKeyOptions options)
{
    private const int InMemory = 64 * 1024;

    private readonly ConcurrentDictionary<(string Operation, string Path), bool> _running = new();

    public Task InvokeAsync(HttpContext http)
        => http.Request.Headers.TryGetValue(IdempotencyKey.Header, out var header) ? InvokeAsync(http, header)
            : options.IsRequired ? WriteBehindProblems.KeyMissing().ExecuteAsync(http)
            : next(http);

    private async Task InvokeAsync(HttpContext http, StringValues header)
    {
        if (!IdempotencyKey.TryRead(header, out var operation, out var reason))
        {
            await WriteBehindProblems.KeyMalformed(reason).ExecuteAsync(http).ConfigureAwait(false);
            return;
        }

        var running = (operation, http.Request.Path.ToString());
        if (!_running.TryAdd(running, true))
        {
            await WriteBehindProblems.KeyInUse().ExecuteAsync(http).ConfigureAwait(false);
            return;
        }

        try
        {
            if (await HashAsync(http.Request, http.RequestAborted).ConfigureAwait(false) is not { } hash)
            {
                await WriteBehindProblems.BodyTooLarge(options.MaxBodyBytes).ExecuteAsync(http).ConfigureAwait(false);
                return;
            }

            http.Features.Set(new IdempotencyKey(operation, hash));
            await next(http).ConfigureAwait(false);
        }
        finally
        {
            _running.TryRemove(running, out _);
        }
    }

    /// <summary>Of the request, whose body can be read again afterwards; null where it is too large.</summary>
    private async Task<byte[]?> HashAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        request.EnableBuffering(InMemory);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{request.Method} {request.Path}{request.QueryString}\n"));
        var buffer = ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            var length = 0;
            while (await request.Body.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) is > 0 and var read)
            {
                length += read;
                if (length > options.MaxBodyBytes)
                {
                    return null;
                }

                hash.AppendData(buffer, 0, read);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        request.Body.Position = 0;
        return hash.GetHashAndReset();
    }
}
