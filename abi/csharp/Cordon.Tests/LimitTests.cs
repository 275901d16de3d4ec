using System.Text.Json.Nodes;

namespace Cordon.Tests;

/// <summary>Deadlines, tokens, waits: what ends early, on which side it is, and what it costs.</summary>
public sealed class LimitTests : ClientTest
{
    private static readonly TimeSpan s_turn = TimeSpan.FromMilliseconds(20);

    private static int Threads => Directory.GetDirectories("/proc/self/task").Length;

    private static JsonObject Restriction(string comment) => new() { ["machine_id"] = Stage.FreshMachine(), ["comment"] = comment };

    [Fact]
    public async Task CancelledCall_ThatHasSentNothingSendsNothing()
    {
        CordonClient client = await OpenBusyAsync();
        string machine = Stage.FreshMachine();
        using var source = new CancellationTokenSource();
        Task<ActionResult> waiting = client.RestrictCodeExecutionAsync(machine, "Waits for the quota", timeout: TwoHours, cancellationToken: source.Token);
        while ((await StatesOfRequestsAsync(client, machine)).Length == 0) await Task.Delay(s_turn);
        await source.CancelAsync();
        OperationCanceledException cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.Equal(source.Token, cancelled.CancellationToken);
        Assert.True(waiting.IsCanceled);
        Assert.Equal(["withdrawn"], await StatesOfRequestsAsync(client, machine));
        Assert.Empty(await Stage.ActionsOfAsync(machine));
    }

    [Fact]
    public async Task Cancelling_AtAnyMomentEndsTheCallUnsent()
    {
        CordonClient client = await OpenBusyAsync();
        string machine = Stage.FreshMachine();
        for (int round = 0; round < 60; ++round)
        {
            using var source = new CancellationTokenSource();
            var options = new CallOptions { ForceNew = true };
            Task<ActionResult> waiting = client.RestrictCodeExecutionAsync(machine, "Waits", options, TwoHours, source.Token);
            Thread.SpinWait(round * 2000);
            await source.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        }
        Assert.All(await StatesOfRequestsAsync(client, machine), state => Assert.Equal("withdrawn", state));
        Assert.Empty(await Stage.ActionsOfAsync(machine));
    }

    [Fact]
    public async Task TokenCancelledBefore_KeepsTheCallFromBeginning()
    {
        CordonClient client = await OpenAsync();
        string machine = Stage.FreshMachine();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => client.RestrictCodeExecutionAsync(machine, "Never begun", cancellationToken: new CancellationToken(true)));
        Assert.Empty(await StatesOfRequestsAsync(client, machine));
    }

    [Fact]
    public async Task CancelledWait_LeavesTheActionAtTheService()
    {
        CordonClient client = await OpenAsync();
        var isolate = new JsonObject { ["machine_id"] = Stage.Cast("offline"), ["comment"] = "Held by the service" };
        ActionResult accepted = await client.ActAsync(Operations.Isolate, isolate);
        using var source = new CancellationTokenSource(s_turn);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.FollowAsync(accepted, cancellationToken: source.Token));
        Assert.IsType<ActionResult.Pending>(await client.PollActionAsync(accepted.Action.RequestId!));
    }

    [Fact]
    public async Task CancelledCall_WhoseActionTheServiceHoldsIsPending()
    {
        CordonClient client = await OpenAsync();
        var options = new CallOptions { Until = CallUntil.Finished, RequestId = Guid.NewGuid().ToString() };
        using var source = new CancellationTokenSource();
        var scan = new JsonObject { ["machine_id"] = Stage.Cast("offline"), ["comment"] = "Waited for" };
        Task<ActionResult> waiting = client.ActAsync(Operations.RunAntivirusScan, scan, options, TwoHours, source.Token);
        while (!await IsHeldByTheServiceAsync(client, options.RequestId)) await Task.Delay(s_turn);
        await source.CancelAsync();
        Assert.IsType<ActionResult.Pending>(await waiting);
    }

    [Fact]
    public async Task CallWithoutASlotInTime_SaysSoAndSendsNothing()
    {
        CordonClient client = await OpenBusyAsync();
        string machine = Stage.FreshMachine();
        CordonException error = await Assert.ThrowsAsync<CordonException>(
            () => client.RestrictCodeExecutionAsync(machine, "No slot", timeout: TimeSpan.FromMilliseconds(500)));
        Assert.Contains(error.Status, new[] { CordonStatus.RateLimited, CordonStatus.Deadline });
        Assert.Empty(await Stage.ActionsOfAsync(machine));
    }

    [Fact]
    public async Task Interrupt_WakesTheCallOfThatName()
    {
        CordonClient client = await OpenBusyAsync();
        Task<ActionResult> waiting = client.RestrictCodeExecutionAsync(Stage.FreshMachine(), "Waits", new CallOptions { CallId = "one" }, TwoHours);
        while (true)
        {
            try
            {
                await client.InterruptAsync("one");
                break;
            }
            catch (CordonException error) when (error.Status == CordonStatus.NotFound)
            {
                await Task.Delay(s_turn);
            }
        }
        CordonException interrupted = await Assert.ThrowsAsync<CordonException>(() => waiting);
        Assert.Equal(CordonStatus.Interrupted, interrupted.Status);
    }

    [Fact]
    public async Task WaitingCalls_LeaveTheHostItsThreadPool()
    {
        CordonClient client = await OpenBusyAsync();
        using var source = new CancellationTokenSource();
        ThreadPool.GetMinThreads(out int workers, out int ports);
        ThreadPool.GetMaxThreads(out int mostWorkers, out int mostPorts);
        ThreadPool.SetMinThreads(2, ports);
        ThreadPool.SetMaxThreads(4, mostPorts);
        try
        {
            Task<ActionResult>[] waiting =
                [.. Enumerable.Range(0, 40).Select(_ => client.RestrictCodeExecutionAsync(Stage.FreshMachine(), "Waits", timeout: TwoHours, cancellationToken: source.Token))];
            Assert.Equal(42, await Task.Run(() => 42));
            string requestId = await client.SubmitAsync(Operations.RestrictCodeExecution, Restriction("Recorded meanwhile"), new CallOptions { ValidFor = TwoHours });
            Assert.IsType<ActionResult.Pending>(await client.PollActionAsync(requestId));
            await source.CancelAsync();
            foreach (Task<ActionResult> call in waiting) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        }
        finally
        {
            ThreadPool.SetMaxThreads(mostWorkers, mostPorts);
            ThreadPool.SetMinThreads(workers, ports);
        }
    }

    [Fact]
    public async Task ManyRequests_AreFollowedWithoutAThreadForEach()
    {
        CordonClient client = await OpenAsync();
        var ids = new List<string>();
        for (int request = 0; request < 120; ++request) ids.Add(await client.SubmitAsync(Operations.RestrictCodeExecution, Restriction("One of many")));
        int before = Threads;
        Task<ActionResult>[] following = [.. ids.Select(id => client.FollowAsync(id))];
        await Task.Delay(s_turn);
        Assert.InRange(Threads, 1, before + 20); // the thread pool may grow for a moment, as it likes
        foreach (ActionResult end in await Task.WhenAll(following)) Assert.IsType<ActionResult.Succeeded>(end);
    }

    [Fact]
    public async Task Following_EndsAsPendingWhenItsTimeIsOver()
    {
        CordonClient client = await OpenAsync();
        var collect = new JsonObject { ["machine_id"] = Stage.Cast("offline"), ["comment"] = "Takes long" };
        ActionResult accepted = await client.ActAsync(Operations.CollectInvestigationPackage, collect);
        ActionResult result = await client.FollowAsync(accepted, TimeSpan.FromMilliseconds(200));
        Assert.IsType<ActionResult.Pending>(result);
        Assert.Equal(accepted.Action.RequestId, result.Action.RequestId);
    }

    [Fact]
    public async Task WhatTheLedgerDoesNotKnow_CannotBeFollowed()
    {
        CordonClient client = await OpenAsync();
        CordonException error = await Assert.ThrowsAsync<CordonException>(() => client.FollowAsync("00000000-0000-4000-8000-000000000000"));
        Assert.Equal(CordonStatus.NotFound, error.Status);
    }

    [Fact]
    public async Task Dispose_EndsEveryWait()
    {
        CordonClient client = await OpenBusyAsync();
        string requestId = await client.SubmitAsync(Operations.RestrictCodeExecution, Restriction("Goes on later"), new CallOptions { ValidFor = TwoHours });
        Task following = ShuttingDown(() => client.FollowAsync(requestId));
        Task acting = ShuttingDown(() => client.RestrictCodeExecutionAsync(Stage.FreshMachine(), "Waits", timeout: TwoHours));
        Task reading = ShuttingDown(async () =>
        {
            await foreach (CordonEvent record in client.EventsAsync()) Assert.True(record.Cursor > 0);
        });
        await Task.Delay(s_turn);
        await Task.WhenAll(client.DisposeAsync().AsTask(), client.DisposeAsync().AsTask());
        await Task.WhenAll(following, acting, reading);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.PollActionAsync(requestId));
    }

    [Fact]
    public async Task Shutdown_IsToldToWhoeverAsksAfterwards()
    {
        CordonClient client = await OpenAsync();
        await client.ShutdownAsync();
        await ShuttingDown(() => client.RestrictCodeExecutionAsync(Stage.FreshMachine(), "Too late"));
    }

    private static async Task<bool> IsHeldByTheServiceAsync(CordonClient client, string requestId)
    {
        try
        {
            return (await client.PollActionAsync(requestId)).Action.State == ActionState.Pending;
        }
        catch (CordonException error) when (error.Status is CordonStatus.NotFound or CordonStatus.OutcomeUnknown)
        {
            return false;
        }
    }

    private static async Task ShuttingDown(Func<Task> call) =>
        Assert.Equal(CordonStatus.ShuttingDown, (await Assert.ThrowsAsync<CordonException>(call)).Status);
}
