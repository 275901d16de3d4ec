using System.Text.Json;

namespace Cordon;

internal enum OperationKind
{
    Unknown,
    Acts,
    Reads,
}

/// <summary>What the loaded library's manifest says about operations, so that a read is never asked to act.</summary>
internal static class OperationKinds
{
    private static readonly Lazy<Dictionary<string, OperationKind>> s_kinds = new(() =>
    {
        using JsonDocument manifest = JsonDocument.Parse(CordonLibrary.Manifest);
        return manifest.RootElement.GetProperty("operations").GetProperty("operations").EnumerateArray().ToDictionary(
            operation => operation.RequiredText("name"),
            operation => AnswersWithActionOfOurs(operation) ? OperationKind.Acts : OperationKind.Reads);
    });

    /// <summary>Its status tells how an action stands, unlike that of get_action, which says that there is an answer.</summary>
    private static bool AnswersWithActionOfOurs(JsonElement operation) =>
        operation.Text("kind") is "action" || (operation.Text("kind") is "local" && operation.Text("result") is "action");

    /// <summary>Unknown for an operation that the library does not have; it says so itself.</summary>
    internal static OperationKind Of(string operation) => s_kinds.Value.GetValueOrDefault(operation);
}
