using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Cordon.Tests;

namespace Cordon.Conformance;

/// <summary>What a step came to. The nodes have no parent, and go into one document each.</summary>
internal sealed record Answer(string Status, JsonNode? Result = null, JsonNode? Error = null)
{
    internal static readonly Answer Nothing = new("CORDON_OK");
}

/// <summary>Makes the calls of the script as a user of the binding would.</summary>
internal sealed class Player
{
    private readonly Dictionary<string, CordonClient> _clients = [];
    private readonly Dictionary<string, Task<Answer>> _background = [];

    internal Task<Answer> AnswerInTurnAsync(JsonObject step)
    {
        if (!step.ContainsKey("background")) return AnswerAsync(step);
        string name = Text(step, "background");
        if (Text(step, "do") == "join") return _background[name];
        _background[name] = AnswerAsync(step);
        return Task.FromResult(new Answer("STARTED"));
    }

    private async Task<Answer> AnswerAsync(JsonObject step)
    {
        try
        {
            return await CallAsync(step);
        }
        catch (CordonException error)
        {
            return new Answer(CordonLibrary.NameOf(error.Status), null, Documents.Of(error.Error));
        }
    }

    private async Task<Answer> CallAsync(JsonObject step)
    {
        CordonClient Client() => _clients[Text(step, "client")];
        switch (Text(step, "do"))
        {
            case "version":
                return new Answer("CORDON_OK", CordonLibrary.Version);
            case "constants":
                return new Answer("CORDON_OK", Object(Enum.GetValues<CordonStatus>().Select(status => (CordonLibrary.NameOf(status), (int)status))));
            case "layout":
                return new Answer("CORDON_OK", Layout());
            case "open":
                _clients[Text(step, "client")] = await CordonClient.OpenAsync(step["config"]!.ToJsonString());
                return Answer.Nothing;
            case "secret_set":
                await Client().SetSecretAsync(Text(step, "name"), Encoding.UTF8.GetBytes(Text(step, "value")));
                return Answer.Nothing;
            case "secret_remove":
                await Client().RemoveSecretAsync(Text(step, "name"));
                return Answer.Nothing;
            case "vault_status":
                return Of(await Client().GetVaultStatusAsync());
            case "restrict_code_execution":
                return Of(await Client().RestrictCodeExecutionAsync(Text(step, "machine_id"), Text(step, "comment"), Options(step),
                                                                   Time(step, "timeout_ms")));
            case "stop_and_quarantine":
                return Of(await Client().StopAndQuarantineAsync(Text(step, "machine_id"), Text(step, "sha1"), Text(step, "comment"),
                                                               Options(step), Time(step, "timeout_ms")));
            case "poll_action":
                return Of(await Client().PollActionAsync(Text(step, "id"), Time(step, "wait_ms") ?? default, Options(step)));
            case "call" when Text(step, "operation") == Operations.GetMachine:
                return Of(await Client().ReadAsync(Operations.GetMachine, Parameters(step), timeout: Time(step, "timeout_ms")));
            case "call":
                return Of(await Client().ActAsync(Text(step, "operation"), Parameters(step), timeout: Time(step, "timeout_ms")));
            case "submit":
                return new Answer("CORDON_OK", await Client().SubmitAsync(Text(step, "operation"), Parameters(step)));
            case "withdraw":
                await Client().WithdrawAsync(Text(step, "request_id"));
                return Answer.Nothing;
            case "interrupt":
                await Client().InterruptAsync(Text(step, "call_id"));
                return Answer.Nothing;
            case "next_event":
                CordonEvent? record = await Client().NextEventAsync(Time(step, "wait_ms") ?? default, EventOptions(step));
                return record is null ? new Answer("CORDON_NO_EVENT") : new Answer("CORDON_OK", Documents.Of(record));
            case "shutdown":
                await Client().ShutdownAsync(Time(step, "timeout_ms"));
                return Answer.Nothing;
            case "free":
                await Client().DisposeAsync();
                return Answer.Nothing;
            default:
                throw new InvalidOperationException($"no such step: {step["do"]}");
        }
    }

    private static string Text(JsonObject step, string name) => (string)step[name]!;

    private static TimeSpan? Time(JsonObject step, string name) =>
        step[name] is { } time && (int)time != -1 ? TimeSpan.FromMilliseconds((int)time) : null;

    private static JsonObject Parameters(JsonObject step) => (JsonObject)step["request"]!;

    private static Answer Of(ActionResult result) => new(CordonLibrary.NameOf(result.Status), Documents.Of(result.Action));

    private static Answer Of(JsonElement document) => new("CORDON_OK", JsonNode.Parse(document.GetRawText()));

    private static JsonObject Object(IEnumerable<(string Name, int Value)> members)
    {
        var json = new JsonObject();
        foreach ((string name, int value) in members) json[name] = value;
        return json;
    }

    private static JsonObject Layout() => Object(typeof(ApiTable).GetFields()
        .Where(field => !field.IsStatic)
        .Select(field => (JsonNamingPolicy.SnakeCaseLower.ConvertName(field.Name), (int)Marshal.OffsetOf<ApiTable>(field.Name))));

    private static CallOptions? Options(JsonObject step)
    {
        if (step["options"] is not JsonObject given) return null;
        string? Word(string name) => (string?)given[name];
        return new CallOptions
        {
            Tenant = Word("tenant"),
            RequestId = Word("request_id"),
            IdempotencyKey = Word("idempotency_key"),
            CallId = Word("call_id"),
            Actor = Word("actor"),
            Until = Word("until") == "finished" ? CallUntil.Finished : null,
            DryRun = (bool?)given["dry_run"] ?? false,
            ValidFor = Time(given, "valid_for_ms"),
            Labels = (given["labels"] as JsonObject)?.ToDictionary(label => label.Key, label => (string)label.Value!),
        };
    }

    private static EventOptions? EventOptions(JsonObject step)
    {
        if (step["options"] is not JsonObject given) return null;
        return new EventOptions { After = (long?)given["after"], Scope = (string?)given["scope"] == "all" ? EventScope.All : EventScope.Client };
    }
}
