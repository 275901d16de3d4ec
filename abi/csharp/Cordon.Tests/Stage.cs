using System.Net.Http.Json;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

[assembly: CollectionBehavior(DisableTestParallelization = true)] // one test's faults must not hit another's calls

namespace Cordon.Tests;

/// <summary>What the tests stand on: the emulator that the runner started, and clients with a ledger of their own.</summary>
internal static class Stage
{
    internal static readonly JsonNode Ready = JsonNode.Parse(File.ReadAllText(Environment.GetEnvironmentVariable("CORDON_READY")!))!;

    private static readonly HttpClient s_http = NewHttpClient();
    private static readonly Queue<string> s_machines = FreeMachines();

    internal static string Cast(string name) => (string)Ready["cast"]![name]!;

    internal static string Sha1 => (string)Ready["files"]![0]!;

    /// <summary>A device that no other test has touched.</summary>
    internal static string FreshMachine() => s_machines.Dequeue();

    internal static async Task ArmFaultAsync(string endpoint, string kind)
    {
        using HttpContent body = JsonContent.Create(new JsonObject { ["endpoint"] = endpoint, ["kind"] = kind, ["times"] = 1 });
        using HttpResponseMessage answer = await s_http.PostAsync("emulator/faults", body);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Actions that the service has for this device.</summary>
    internal static async Task<JsonNode[]> ActionsOfAsync(string machine)
    {
        JsonArray actions = (await s_http.GetFromJsonAsync<JsonArray>("emulator/actions"))!;
        return [.. actions.Where(action => (string)action!["machineId"]! == machine)!];
    }

    internal static JsonObject Configuration(string folder)
    {
        var config = (JsonObject)Ready["config"]!.DeepClone();
        config["state_dir"] = Path.Combine(folder, "state");
        config["vault"] = new JsonObject { ["file"] = null };
        config["track"]!["interval_ms"] = 50;
        config["reconcile"]!["settle_ms"] = 700;
        return config;
    }

    internal static Task StoreSecretAsync(CordonClient client, JsonObject config)
    {
        JsonNode tenant = config["tenants"]!.AsObject().First().Value!;
        return client.SetSecretAsync((string)tenant["credential"]!["secret_name"]!, Encoding.UTF8.GetBytes((string)Ready["client_secret"]!));
    }

    private static HttpClient NewHttpClient()
    {
        var authority = new X509Certificate2((string)Ready["ca_file"]!);
        var handler = new HttpClientHandler { UseProxy = false };
        handler.ServerCertificateCustomValidationCallback = (_, certificate, chain, _) =>
        {
            chain!.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.Add(authority);
            chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            return chain.Build(certificate!);
        };
        return new HttpClient(handler) { BaseAddress = new Uri((string)Ready["control_url"]! + "/") };
    }

    private static Queue<string> FreeMachines()
    {
        var cast = Ready["cast"]!.AsObject().Select(entry => (string?)entry.Value).ToHashSet();
        return new Queue<string>(Ready["machines"]!.AsArray().Select(id => (string)id!).Where(id => !cast.Contains(id)));
    }
}

/// <summary>A folder of a test, and clients in it; all gone when the test ends.</summary>
public abstract class ClientTest : IAsyncLifetime
{
    /// <summary>Longer than the quota's window of <see cref="OpenBusyAsync"/>: such a request waits.</summary>
    protected static readonly TimeSpan TwoHours = TimeSpan.FromHours(2);

    private readonly List<CordonClient> _clients = [];

    protected string Folder { get; } = Directory.CreateTempSubdirectory("cordon-csharp-").FullName;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (CordonClient client in _clients) await client.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }

    protected async Task<CordonClient> OpenAsync(JsonObject config)
    {
        CordonClient client = await CordonClient.OpenAsync(config.ToJsonString());
        _clients.Add(client);
        return client;
    }

    /// <summary>A client that can act.</summary>
    protected async Task<CordonClient> OpenAsync(Action<JsonObject>? change = null)
    {
        JsonObject config = Stage.Configuration(Folder);
        change?.Invoke(config);
        CordonClient client = await OpenAsync(config);
        await Stage.StoreSecretAsync(client, config);
        return client;
    }

    /// <summary>Quota for one call an hour, and that one taken: whatever comes next waits unsent.</summary>
    protected async Task<CordonClient> OpenBusyAsync()
    {
        CordonClient client = await OpenAsync(config => config["quota"] = "1/3600s");
        Assert.IsType<ActionResult.Pending>(await client.RestrictCodeExecutionAsync(Stage.FreshMachine(), "Takes the only slot"));
        return client;
    }

    protected static async Task<string[]> StatesOfRequestsAsync(CordonClient client, string machine)
    {
        var filter = new JsonObject { ["filter"] = new JsonObject { ["machine_id"] = machine } };
        JsonElement found = await client.ReadAsync(Operations.ListRequests, filter);
        return [.. found.GetProperty("requests").EnumerateArray().Select(request => request.GetProperty("state").GetString()!)];
    }
}
