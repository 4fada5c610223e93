using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace WriteBehind.AspNetCore.Endpoints;

/// <summary>The live page: one document with no asset of its own or of others.</summary>
internal static class PageEndpoint
{
    private const string NoncePlaceholder = "{{nonce}}";

    private static readonly string Html = Load();

    public static IResult Get(HttpContext http)
    {
        // Ids and errors on the page come from whoever writes entities. The script puts them in as text; should it ever fail to,
        // this policy runs nothing but the script itself.
        var nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
        var headers = http.Response.Headers;
        headers.ContentSecurityPolicy =
            $"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; " +
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        return Results.Content(Html.Replace(NoncePlaceholder, nonce, StringComparison.Ordinal), "text/html; charset=utf-8", Encoding.UTF8);
    }

    private static string Load()
    {
        const string Name = "WriteBehind.AspNetCore.Page.page.html";
        using var stream = typeof(PageEndpoint).Assembly.GetManifestResourceStream(Name)
            ?? throw new InvalidOperationException($"The resource {Name} is missing from the assembly.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
