namespace Cordon;

/// <summary>
/// Carries a cancellation to the call of this id, by cordon_interrupt: it wakes the call and changes nothing at the
/// service. A call that has not got into the library yet is interrupted once it has.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private static readonly TimeSpan s_pace = TimeSpan.FromMilliseconds(5);

    private readonly ClientHandle _client;
    private readonly string _callId;
    private readonly CancellationTokenRegistration _registration;
    private volatile bool _returned;

    internal Interruption(ClientHandle client, string callId, CancellationToken cancellationToken)
    {
        _client = client;
        _callId = callId;
        _registration = cancellationToken.Register(() => _ = Task.Run(InterruptAsync, CancellationToken.None));
    }

    /// <summary>To be called when the call has returned.</summary>
    public void Dispose()
    {
        _returned = true;
        _registration.Dispose();
    }

    private async Task InterruptAsync()
    {
        while (!_returned)
        {
            try
            {
                int status = Native.Interrupt(_client, _callId, out nint error);
                if (error != 0) Native.ErrorFree(error);
                if (status != (int)CordonStatus.NotFound) return;
            }
            catch (ObjectDisposedException)
            {
                return;
            }
            await Task.Delay(s_pace).ConfigureAwait(false);
        }
    }
}
