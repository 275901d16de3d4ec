using System.Text.Json.Nodes;

namespace Cordon.Tests;

public sealed class EventTests : ClientTest
{
    private static JsonObject Restriction(string machine) => new() { ["machine_id"] = machine, ["comment"] = "Watched" };

    [Fact]
    public async Task Iteration_SeesARequestFromItsRecordToItsEndAndAgainFromItsCursor()
    {
        CordonClient client = await OpenAsync();
        var options = new CallOptions { Labels = new Dictionary<string, string> { ["run"] = "9" } };
        string requestId = await client.SubmitAsync(Operations.RestrictCodeExecution, Restriction(Stage.FreshMachine()), options);
        var seen = new List<CordonEvent>();
        await foreach (CordonEvent record in client.EventsAsync())
        {
            if (record.RequestId != requestId) continue;
            seen.Add(record);
            if (record.State == ActionState.Succeeded) break;
        }
        Assert.Equal(ActionState.Queued, seen[0].State);
        Assert.Equal("9", seen[0].Labels["run"]);
        Assert.Equal(requestId, seen[^1].Action!.RequestId);

        var again = new List<long>();
        await foreach (CordonEvent record in client.EventsAsync(new EventOptions { After = seen[0].Cursor }))
        {
            if (record.RequestId == requestId) again.Add(record.Cursor);
            if (record.Cursor == seen[^1].Cursor) break;
        }
        Assert.Equal(seen.Skip(1).Select(record => record.Cursor), again);
    }

    [Fact]
    public async Task Iteration_EndsWithItsToken()
    {
        CordonClient client = await OpenAsync();
        using var source = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (CordonEvent record in client.EventsAsync().WithCancellation(source.Token)) Assert.True(record.Cursor > 0);
        });
    }

    [Fact]
    public async Task Reader_WaitsForTheNextEventAndNoLongerThanItWasTold()
    {
        CordonClient client = await OpenAsync();
        while (await client.NextEventAsync(TimeSpan.FromMilliseconds(30)) is not null)
        {
        }
        string requestId = Guid.NewGuid().ToString();
        Task<CordonEvent?> woken = NextOfRequestAsync();
        await client.SubmitAsync(Operations.Isolate, Restriction(Stage.FreshMachine()), new CallOptions { RequestId = requestId });
        Assert.Equal(ActionState.Queued, (await woken)!.State);

        // Others come in between when a new ledger learns what is in flight.
        async Task<CordonEvent?> NextOfRequestAsync()
        {
            while (await client.NextEventAsync(TimeSpan.FromMinutes(5)) is { } record)
                if (record.RequestId == requestId) return record;
            return null;
        }
    }

    [Fact]
    public async Task Request_OfAnEarlierClientIsFollowedByTheNextOne()
    {
        JsonObject config = Stage.Configuration(Folder);
        string machine = Stage.FreshMachine();
        CordonClient first = await OpenAsync(config); // it knows no secret, so it sends nothing
        string requestId = await first.SubmitAsync(Operations.RestrictCodeExecution, Restriction(machine));
        await first.DisposeAsync();
        Assert.Empty(await Stage.ActionsOfAsync(machine));

        CordonClient second = await OpenAsync(config);
        await Stage.StoreSecretAsync(second, config);
        Assert.IsType<ActionResult.Succeeded>(await second.FollowAsync(requestId));
        Assert.Single(await Stage.ActionsOfAsync(machine));
    }
}
