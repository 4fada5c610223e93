using WriteBehind.Tests.Children;

namespace WriteBehind.Tests.Caching;

/// <summary>Begins a load that never ends, until it is killed.</summary>
internal sealed class HangingLoader : IChildProgram
{
    public async Task RunAsync(IReadOnlyList<string> arguments)
    {
        await using var node = await CacheNode.StartAsync(
            ChildEngine.OptionsFrom(arguments), arguments[3], static cache => cache.LockLease = TimeSpan.FromSeconds(6));
        await node.Cache.GetOrLoadAsync<Page>("a", static _ =>
        {
            Console.WriteLine("loading");
            return new TaskCompletionSource<Page?>().Task;
        });
    }
}
