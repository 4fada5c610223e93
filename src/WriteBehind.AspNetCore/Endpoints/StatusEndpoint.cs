using Microsoft.AspNetCore.Http;
using WriteBehind.AspNetCore.Documents;

namespace WriteBehind.AspNetCore.Endpoints;

internal static class StatusEndpoint
{
    public static async Task<IResult> GetAsync(HttpContext http, IWriteBehindEngine engine) =>
        Results.Json(
            StatusDocument.From(await engine.GetStatusAsync(http.RequestAborted).ConfigureAwait(false)),
            WriteBehindJson.Default.StatusDocument);
}
