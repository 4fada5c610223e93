using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>What arrays can't carry goes through SaveChanges, by itself.</summary>
public sealed class TrackedTests(Database database) : IClassFixture<Database>
{
    [Fact]
    public async Task Array_columns_come_back_as_they_were_saved()
    {
        var sink = database.Sink<Article>();
        await sink.PutAsync("1", 1, new Article { Title = "a", Tags = ["x", "y"], Scores = [1, 2] });
        await sink.PutAsync("1", 2, new Article { Title = "b", Tags = ["z"], Scores = [] });
        var row = Assert.NotNull(await sink.FindAsync("1"));

        Assert.Equal((1, 2L, "b"), (row.State.Id, row.Version, row.State.Title));
        Assert.Equal(["z"], row.State.Tags);
        Assert.Empty(row.State.Scores);
    }

    [Fact]
    public async Task Defaults_mean_the_same_as_in_bulk()
    {
        var sink = database.Sink<Article>();
        await sink.PutAsync("2", 1, new Article { Priority = 0, CreatedAt = DateTimeOffset.UnixEpoch });
        var first = Assert.NotNull(await sink.FindAsync("2")).State;
        await sink.PutAsync("2", 2, new Article { Priority = 3 });
        var second = Assert.NotNull(await sink.FindAsync("2")).State;

        Assert.Equal((0, 3), (first.Priority, second.Priority));
        Assert.NotEqual(DateTimeOffset.UnixEpoch, first.CreatedAt);
        Assert.Equal(first.CreatedAt, second.CreatedAt);
    }

    [Fact]
    public async Task Owned_types_in_the_same_table_in_another_and_in_JSON_come_back_as_they_were_saved()
    {
        var sink = database.Sink<Order>();
        var before = new Order
        {
            Customer = "c1",
            Address = new Address { Street = "s1", City = "x" },
            Lines = [new OrderLine { Line = 1, Item = "a", Quantity = 1 }, new OrderLine { Line = 2, Item = "b", Quantity = 2 }],
            Notes = new OrderNotes { Text = "n1", Labels = ["l1", "l2"] },
        };
        var after = new Order
        {
            Customer = "c2",
            Address = new Address { Street = "s2", City = "y" },
            Lines = [new OrderLine { Line = 2, Item = "B", Quantity = 3 }, new OrderLine { Line = 3, Item = "c", Quantity = 4 }],
            Notes = new OrderNotes { Text = "n2", Labels = ["l3"] },
        };

        foreach (var (version, state) in new[] { (1, before), (2, after), (3, new Order { Customer = "bare" }), (4, before) })
        {
            Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("o1", version, state)).Outcome);
            var row = Assert.NotNull(await sink.FindAsync("o1"));
            Assert.Equal(version, row.Version);
            row.State.Id = "";
            row.State.Lines.Sort((a, b) => a.Line - b.Line);
            Assert.Equivalent(state, row.State, strict: true);
        }

        Assert.Equal(SaveOutcome.Applied, (await sink.DeleteAsync("o1", 5)).Outcome);
        Assert.Equal(0, await database.Host.ScalarAsync<long>("SELECT count(*) FROM order_lines"));
    }

    [Fact]
    public async Task The_state_that_is_saved_is_left_as_it_is()
    {
        var lines = new List<OrderLine> { new() { Line = 1, Item = "a" } };
        var state = new Order { Id = "other", Customer = "c", Lines = lines };
        await database.Sink<Order>().PutAsync("o2", 1, state);
        await database.Sink<Order>().PutAsync("o2", 2, state);
        Assert.Equal("other", state.Id);
        Assert.Same(lines, state.Lines);
        Assert.Single(lines);
    }

    [Fact]
    public async Task A_hierarchy_and_its_complex_type_come_back_as_they_were_saved()
    {
        var sink = database.Sink<Shape>();
        var (circle, shape) = (Guid.NewGuid().ToString(), Guid.NewGuid().ToString());
        await sink.SaveAsync(
            new SaveItem<Shape>(circle, 1, new Circle { Name = "c", Radius = 1, Box = new Box { Width = 1, Height = 2 } }),
            new SaveItem<Shape>(shape, 1, new Shape { Name = "s" }));
        await sink.PutAsync(circle, 2, new Circle { Name = "d", Radius = 2.5, Box = new Box { Width = 3, Height = 4 } });

        var stored = Assert.IsType<Circle>(Assert.NotNull(await sink.FindAsync(circle)).State);
        Assert.Equal(("d", 2.5, 3, 4), (stored.Name, stored.Radius, stored.Box.Width, stored.Box.Height));
        Assert.IsType<Shape>(Assert.NotNull(await sink.FindAsync(shape)).State, exactMatch: true);
    }

    [Fact]
    public async Task A_row_can_t_change_its_type()
    {
        var sink = database.Sink<Shape>();
        var id = Guid.NewGuid().ToString();
        await sink.PutAsync(id, 1, new Circle());
        var error = await Assert.ThrowsAsync<SinkException>(() => sink.PutAsync(id, 2, new Shape()));
        Assert.Equal(SinkFailure.Entity, error.Failure);
        Assert.Contains("can't change its type", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_row_of_another_branch_of_the_hierarchy_is_not_touched()
    {
        var id = Guid.NewGuid().ToString();
        await database.Sink<Shape>().PutAsync(id, 1, new Shape { Name = "plain" });
        var error = await Assert.ThrowsAsync<SinkException>(() => database.Sink<Circle>().PutAsync(id, 2, new Circle()));
        Assert.Contains("The row is not a Circle", error.Message, StringComparison.Ordinal);
        Assert.Equal("plain", Assert.NotNull(await database.Sink<Shape>().FindAsync(id)).State.Name);
    }

    [Fact]
    public async Task A_key_that_EF_Core_takes_for_unset_is_refused()
    {
        Assert.Contains("not set", database.Sink<Article>().CheckId("0"), StringComparison.Ordinal);
        Assert.Equal(SaveOutcome.Rejected, (await database.Sink<Article>().PutAsync("0", 1, new Article())).Outcome);
    }

    [Fact]
    public async Task An_id_that_is_no_key_is_rejected_alone()
    {
        var results = await database.Sink<Article>().SaveAsync(
            new SaveItem<Article>("+1", 1, new Article()), new SaveItem<Article>("30", 1, new Article()));
        Assert.Equal([SaveOutcome.Rejected, SaveOutcome.Applied], results.Select(result => result.Outcome));
    }

    [Fact]
    public async Task A_batch_with_an_entity_that_can_t_be_stored_changes_nothing()
    {
        var sink = database.Sink<Article>();
        var error = await Assert.ThrowsAsync<SinkException>(() => sink.SaveAsync(
            new SaveItem<Article>("40", 1, new Article { Title = "fine" }),
            new SaveItem<Article>("41", 1, new Article { Title = "a\0b" })));
        Assert.Equal((SinkFailure.Entity, "22021"), (error.Failure, error.Code));
        Assert.Empty(await sink.LoadAsync(["40", "41"], CancellationToken.None));
    }

    [Theory]
    [InlineData(typeof(Article), "Scores (integer[]) does not fit into an array; Tags (text[]) does not fit into an array")]
    [InlineData(typeof(Order), "Address is an owned type; Lines is an owned type; Notes is an owned type")]
    [InlineData(typeof(Shape), "it is part of an inheritance hierarchy; Box is a complex type")]
    public void The_description_says_why(Type state, string reasons)
    {
        var description = state == typeof(Article) ? database.Sink<Article>().Description
            : state == typeof(Order) ? database.Sink<Order>().Description
            : database.Sink<Shape>().Description;
        Assert.Contains($"by SaveChanges, because {reasons}", description, StringComparison.Ordinal);
    }
}
