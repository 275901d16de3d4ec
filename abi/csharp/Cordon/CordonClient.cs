using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cordon;

/// <summary>
/// A client of Cordon. All members may be used from any thread at any time. End it with <see cref="DisposeAsync"/>.
/// </summary>
/// <remarks>
/// Cancelling a token wakes the call and changes nothing at the service: a request of which no byte has left is then not
/// sent, and the task ends as cancelled; if bytes may have left it ends with an <see cref="OutcomeUnknownException"/>.
/// Time-outs left out are the configured ones.
/// </remarks>
public sealed partial class CordonClient : IAsyncDisposable, IDisposable
{
    /// <summary>As many calls as may wait in the library at once; further ones wait for a thread.</summary>
    private const int CallThreads = 16;

    private readonly ClientHandle _handle;
    private readonly BlockingCalls _calls = new(CallThreads);
    private readonly EventPump _pump;
    private readonly long _firstCursor;

    private CordonClient(ClientHandle handle)
    {
        _handle = handle;
        JsonElement health = Read(Operations.Health, null, Milliseconds.Default).Answer;
        _firstCursor = health.Member("ledger").Integer("newest_record") ?? 0;
        _pump = new EventPump(handle, _firstCursor);
    }

    /// <summary>Opens a client: reads configuration, vault and ledger, recovers what an earlier process left.</summary>
    /// <param name="configJson">
    /// The configuration; without it the file named by $CORDON_CONFIG, then /etc/cordon/cordon.json.
    /// </param>
    /// <exception cref="CordonException">Wrong configuration, vault or ledger that cannot be used.</exception>
    public static CordonClient Open(string? configJson = null)
    {
        if (configJson is not null) NativeText.Check(configJson, nameof(configJson));
        CordonLibrary.Prepare();
        int status = Native.Init(Native.HostAbi, configJson, out ClientHandle handle, out nint error);
        try
        {
            Reply.Expect(status, error);
            return new CordonClient(handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <inheritdoc cref="Open"/>
    public static Task<CordonClient> OpenAsync(string? configJson = null) => Task.Run(() => Open(configJson));

    /// <summary>Takes over a changed configuration; on an error the old one stays.</summary>
    public Task ReloadAsync(string? configJson = null)
    {
        if (configJson is not null) NativeText.Check(configJson, nameof(configJson));
        return Task.Run(() => Reply.Expect(Native.Reload(_handle, configJson, out nint error), error));
    }

    /// <summary>
    /// Refuses new work, takes back calls that have sent nothing, leaves the rest to the ledger. Calls that wait end with
    /// <see cref="CordonStatus.ShuttingDown"/>.
    /// </summary>
    /// <param name="timeout">How long transfers under way may take; those dropped are looked up by the next client.</param>
    public Task ShutdownAsync(TimeSpan? timeout = null)
    {
        int milliseconds = Milliseconds.Of(timeout, nameof(timeout));
        return Task.Run(() => Reply.Expect(Native.Shutdown(_handle, milliseconds, out nint error), error));
    }

    /// <summary>Shuts the client down with the configured time-out and ends it.</summary>
    public async ValueTask DisposeAsync() => await Task.Run(Dispose).ConfigureAwait(false);

    /// <inheritdoc cref="DisposeAsync"/>
    public void Dispose()
    {
        if (_handle.IsClosed) return;
        try
        {
            // Before the handle: calls that wait hold it, and end only by this.
            _ = Native.Shutdown(_handle, Milliseconds.Default, out nint error);
            if (error != 0) Native.ErrorFree(error);
        }
        catch (ObjectDisposedException)
        {
            return; // another thread was first
        }
        _handle.Dispose();
    }

    /// <summary>Runs a call that may wait, so that its token interrupts it and the time in the queue counts.</summary>
    /// <param name="write">
    /// Makes the JSON that the call takes, for its call id. It runs before this returns: the caller may change what it gave
    /// while the call is still in the queue.
    /// </param>
    private Task<T> CallAsync<T>(CallOptions? options, TimeSpan? timeout, Func<string?, string?> write, Func<string?, int, T> call,
                                 CancellationToken cancellationToken)
    {
        int milliseconds = Milliseconds.Of(timeout, nameof(timeout));
        string? callId = options?.CallId ?? (cancellationToken.CanBeCanceled ? Guid.NewGuid().ToString() : null);
        string? json = write(callId);
        long queued = Environment.TickCount64;
        return _calls.Run(() =>
        {
            int left = Left(milliseconds, Environment.TickCount64 - queued);
            if (callId is null || !cancellationToken.CanBeCanceled) return call(json, left);
            using var interruption = new Interruption(_handle, callId, cancellationToken);
            try
            {
                return call(json, left);
            }
            catch (CordonException error) when (error.Status is CordonStatus.Interrupted && cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(error.Message, error, cancellationToken);
            }
        }, cancellationToken);
    }

    /// <summary>At least one millisecond: the library then says that the time is over, in its own words.</summary>
    private static int Left(int milliseconds, long gone) =>
        milliseconds <= 0 ? milliseconds : (int)Math.Max(1, milliseconds - gone);

    /// <summary>
    /// For calls that take milliseconds, of a task that may outlive the client: it is then told that the client ended.
    /// </summary>
    private static async Task<T> OffThreadAsync<T>(Func<T> call, CancellationToken cancellationToken)
    {
        try
        {
            return await Task.Run(call, cancellationToken).ConfigureAwait(false);
        }
        catch (ObjectDisposedException)
        {
            throw CordonException.ClientEnded();
        }
    }

    private Reply Read(string operation, string? request, int milliseconds)
    {
        int status = Native.Call(_handle, operation, request, milliseconds, out nint result, out nint error);
        return Reply.Take(status, result, error);
    }
}
