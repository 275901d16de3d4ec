using System.Text.Json.Nodes;

namespace Cordon;

public sealed partial record CallOptions
{
    /// <summary>Options of a later library that this package does not know, by their names in the contract.</summary>
    public JsonObject? Further { get; init; }
}
