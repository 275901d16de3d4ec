using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cordon.Tests;

public sealed class ActTests : ClientTest
{
    private const string Restrict = "POST /api/machines/{id}/restrictCodeExecution";

    [Fact]
    public async Task Restrict_IsPendingAndEndsAsSucceededWhenItIsFollowed()
    {
        CordonClient client = await OpenAsync();
        string machine = Stage.FreshMachine();
        var options = new CallOptions { Labels = new Dictionary<string, string> { ["case"] = "INC-1" }, Actor = "ana" };
        ActionResult accepted = await client.RestrictCodeExecutionAsync(machine, "Eindämmen 隔离", options);
        Assert.IsType<ActionResult.Pending>(accepted);

        ActionResult end = await client.FollowAsync(accepted);

        string told = end.Match(done => "done", open => "open", other => "not done");
        Assert.Equal("done", told);
        ContainmentAction action = end.Action;
        Assert.Equal(accepted.Action.RequestId, action.RequestId);
        Assert.Equal(machine, action.MachineId);
        Assert.Equal(Operations.RestrictCodeExecution, action.Operation);
        Assert.Equal(ActionState.Succeeded, action.State);
        Assert.Equal("Succeeded", action.Status);
        Assert.False(action.Adopted);
        Assert.Equal("INC-1", action.Labels["case"]);
        Assert.StartsWith("Eindämmen 隔离", action.Comment, StringComparison.Ordinal);
        Assert.NotNull(action.UpdatedAt);
        Assert.Single(await Stage.ActionsOfAsync(machine));
    }

    [Fact]
    public async Task Failure_OnTheDeviceIsNotDoneAndSaysSo()
    {
        CordonClient client = await OpenAsync();
        ActionResult end = await client.FollowAsync(await client.StopAndQuarantineAsync(Stage.Cast("fails"), Stage.Sha1, "Fails on the device"));
        Assert.Equal(CordonStatus.ActionFailed, Assert.IsType<ActionResult.NotDone>(end).Status);
    }

    [Fact]
    public async Task EqualRequest_JoinsTheOneUnderWay()
    {
        CordonClient client = await OpenAsync();
        ActionResult first = await client.RestrictCodeExecutionAsync(Stage.Cast("offline"), "First");
        ActionResult second = await client.RestrictCodeExecutionAsync(Stage.Cast("offline"), "Second");
        Assert.Equal(first.Action.RequestId, second.Action.RequestId);
        Assert.True(second.Action.Adopted);
    }

    [Fact]
    public async Task AnyOperation_CanActAndRead()
    {
        CordonClient client = await OpenAsync();
        string machine = Stage.FreshMachine();
        var isolate = new JsonObject { ["machine_id"] = machine, ["isolation_type"] = "Full", ["comment"] = "Isolate" };
        Assert.IsType<ActionResult.Succeeded>(await client.FollowAsync(await client.ActAsync(Operations.Isolate, isolate)));
        JsonElement found = await client.ReadAsync(Operations.GetMachine, new JsonObject { ["machine_id"] = machine });
        Assert.Equal(machine, found.GetProperty("id").GetString());
    }

    [Fact]
    public async Task ParametersAndLabels_MayBeUsedAgainForTheNextCallAtOnce()
    {
        CordonClient client = await OpenAsync(Stage.Configuration(Folder)); // it knows no secret, so it sends nothing
        string[] machines = [.. Enumerable.Range(1, 64).Select(number => number.ToString("x40", CultureInfo.InvariantCulture))];
        var parameters = new JsonObject { ["comment"] = "One of many" };
        var labels = new Dictionary<string, string>();
        var calls = new List<Task<ActionResult>>(); // more than there are threads for
        var submits = new List<Task<string>>();
        foreach (string machine in machines)
        {
            parameters["machine_id"] = labels["device"] = machine;
            calls.Add(client.ActAsync(Operations.RestrictCodeExecution, parameters, new CallOptions { DryRun = true, Labels = labels }));
            submits.Add(client.SubmitAsync(Operations.RestrictCodeExecution, parameters, new CallOptions { Labels = labels }));
        }
        parameters["machine_id"] = labels["device"] = "";
        var acted = (await Task.WhenAll(calls)).Select(result => result.Action);
        var submitted = (await Task.WhenAll(submits)).Select(async id => (await client.PollActionAsync(id)).Action);
        foreach (ContainmentAction[] actions in new[] { acted.ToArray(), await Task.WhenAll(submitted) })
        {
            Assert.Equal(machines, actions.Select(action => action.MachineId));
            Assert.Equal(machines, actions.Select(action => action.Labels["device"]));
        }
    }

    [Fact]
    public async Task Read_IsNeverAskedToActNorAnActionToRead()
    {
        CordonClient client = await OpenAsync();
        string machine = Stage.FreshMachine();
        var isolate = new JsonObject { ["machine_id"] = machine, ["comment"] = "By mistake" };
        await Assert.ThrowsAsync<ArgumentException>(() => client.ReadAsync(Operations.Isolate, isolate));
        await Assert.ThrowsAsync<ArgumentException>(() => client.ActAsync(Operations.GetMachine, new JsonObject { ["machine_id"] = machine }));
        Assert.Empty(await Stage.ActionsOfAsync(machine));
    }

    [Fact]
    public async Task DryRun_SendsNothing()
    {
        CordonClient client = await OpenAsync();
        string machine = Stage.FreshMachine();
        ActionResult result = await client.RestrictCodeExecutionAsync(machine, "Only looked at", new CallOptions { DryRun = true });
        Assert.Equal(CordonStatus.DryRun, Assert.IsType<ActionResult.NotDone>(result).Status);
        Assert.Null(result.Action.State);
        Assert.Empty(await Stage.ActionsOfAsync(machine));
    }

    [Fact]
    public async Task RefusedInput_IsNamedAndNothingIsSent()
    {
        CordonClient client = await OpenAsync();
        string machine = Stage.FreshMachine();
        const string sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        CordonException error = await Assert.ThrowsAsync<CordonException>(() => client.StopAndQuarantineAsync(machine, sha256, "A SHA-256"));
        Assert.Equal(CordonStatus.InvalidArgument, error.Status);
        Assert.False(error.Error.Retryable);

        var unheardOf = new CallOptions { Further = new JsonObject { ["colour"] = "blue" } };
        error = await Assert.ThrowsAsync<CordonException>(() => client.RestrictCodeExecutionAsync(machine, "An option of no library", unheardOf));
        Assert.Contains("colour", error.Error.Pointer, StringComparison.Ordinal);

        await Assert.ThrowsAsync<ArgumentException>(() => client.RestrictCodeExecutionAsync(machine, "cut\0off"));
        await Assert.ThrowsAsync<ArgumentNullException>(() => client.RestrictCodeExecutionAsync(machine, null!));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => client.RestrictCodeExecutionAsync(machine, "Endless", timeout: Timeout.InfiniteTimeSpan));
        await Assert.ThrowsAsync<CordonException>(() => client.RestrictCodeExecutionAsync(machine, "No time", timeout: TimeSpan.Zero));
        Assert.Empty(await Stage.ActionsOfAsync(machine));
    }

    [Fact]
    public async Task WrongConfiguration_IsRefusedWithThePlace()
    {
        CordonException error = await Assert.ThrowsAsync<CordonException>(() => CordonClient.OpenAsync("""{"state_dir":"relative","unheard_of":true}"""));
        Assert.Equal(CordonStatus.InvalidArgument, error.Status);
        Assert.NotNull(error.Error.Pointer);
    }

    [Fact]
    public async Task LostAnswer_IsAnUnknownOutcomeThatCanBeFollowedAndNothingIsSentTwice()
    {
        CordonClient client = await OpenAsync();
        string machine = Stage.FreshMachine();
        await Stage.ArmFaultAsync(Restrict, "drop_after");
        OutcomeUnknownException lost = await Assert.ThrowsAsync<OutcomeUnknownException>(
            () => client.RestrictCodeExecutionAsync(machine, "Its answer is lost", timeout: TimeSpan.FromMilliseconds(300)));
        Assert.Equal(CordonStatus.OutcomeUnknown, lost.Status);
        Assert.False(lost.Error.Retryable);
        Assert.IsType<ActionResult.Succeeded>(await client.FollowAsync(lost.RequestId));
        Assert.Single(await Stage.ActionsOfAsync(machine));
    }
}
