// A host of Cordon in C#: restricts a device, quarantines a file, follows both to their end.
//
//   dotnet run --project examples/csharp -- CONFIG MACHINE SHA1
//
// CONFIG is a path, or - for the library's own choice. Exit: 0 both were done, 1 an error, 2 wrong use, 3 something ended
// otherwise or has not ended. Ctrl-C stops waiting; what the service holds goes on.
using Cordon;

const int Done = 0, Error = 1, Usage = 2, Otherwise = 3;
TimeSpan patience = TimeSpan.FromHours(1);

if (args is not [string config, string machine, string sha1])
{
    Console.Error.WriteLine("usage: Host CONFIG MACHINE SHA1");
    return Usage;
}

using var interrupted = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    interrupted.Cancel();
};

try
{
    await using CordonClient client = await CordonClient.OpenAsync(config == "-" ? null : await File.ReadAllTextAsync(config));
    return await ContainAsync(client, interrupted.Token);
}
catch (OperationCanceledException)
{
    return Otherwise;
}
catch (OutcomeUnknownException unknown)
{
    Console.Error.WriteLine($"not known; do not repeat, follow request {unknown.RequestId}: {unknown.Message}");
    return Otherwise;
}
catch (Exception error) when (error is CordonException or IOException)
{
    Console.Error.WriteLine(error.Message);
    return Error;
}

// Both actions at once; each is told when it ends.
async Task<int> ContainAsync(CordonClient client, CancellationToken token)
{
    var options = new CallOptions { Labels = new Dictionary<string, string> { ["case"] = "EXAMPLE-1" } };
    bool[] done = await Task.WhenAll(
        FollowAsync("restrict app execution", client.RestrictCodeExecutionAsync(machine, "Contain the device", options, null, token)),
        FollowAsync("stop and quarantine", client.StopAndQuarantineAsync(machine, sha1, "Stop the file", options, null, token)));
    return done.All(each => each) ? Done : Otherwise;

    async Task<bool> FollowAsync(string what, Task<ActionResult> accepting)
    {
        ActionResult accepted = await accepting;
        Console.WriteLine($"{what}: request {accepted.Action.RequestId}{(accepted.Action.Adopted ? ", adopted" : "")}");
        ActionResult end = await client.FollowAsync(accepted, patience, token);
        Console.WriteLine($"{what}: {Told(end)}");
        return end is ActionResult.Succeeded;
    }
}

static string Told(ActionResult result) => result.Match(
    succeeded: _ => "done on the device",
    pending: open => $"not done yet; follow request {open.Action.RequestId}",
    notDone: other => $"not done: {other.Status}, {other.Action.ErrorText ?? "no reason given"}");
