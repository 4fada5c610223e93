using Chaos.Histories;

namespace Chaos.Tests;

public sealed class HistoryTests
{
    [Fact]
    public void What_was_begun_and_not_ended_is_unknown_and_half_a_line_is_passed_over()
    {
        var folder = Directory.CreateTempSubdirectory("writebehind-history-");
        try
        {
            using (var writer = new HistoryWriter(Path.Combine(folder.FullName, "a.jsonl"), "a"))
            {
                writer.End(writer.Begin(Operations.Put, "k", "1"), Outcome.Ok, "r");
                writer.End(writer.Begin(Operations.Put, "k", "2"), Outcome.Unknown);
                writer.End(writer.Begin(Operations.Put, "k", "3"), Outcome.Failed);
                writer.Begin(Operations.Put, "k", "4");
                writer.Note(new InvalidOperationException("odd"));
            }

            File.AppendAllText(Path.Combine(folder.FullName, "a.jsonl"), "{\"Id\":\"a/9\",\"At\"");

            var history = History.Read(folder.FullName);

            Assert.Equal(
                [("1", Outcome.Ok, "r"), ("2", Outcome.Unknown, ""), ("3", Outcome.Failed, ""), ("4", Outcome.Unknown, "")],
                history.Events.Select(static call => (call.Value, call.Outcome, call.Result)));
            Assert.All(
                history.Events,
                static call => Assert.Equal(("a", call.Outcome == Outcome.Unknown), (call.Process, call.Ended == Event.Never)));
            Assert.Contains("odd", Assert.Single(history.Strange), StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
