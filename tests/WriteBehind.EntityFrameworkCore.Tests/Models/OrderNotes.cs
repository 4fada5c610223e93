namespace WriteBehind.EntityFrameworkCore.Tests.Models;

internal sealed class OrderNotes
{
    public string Text { get; set; } = "";

    public List<string> Labels { get; set; } = [];
}
