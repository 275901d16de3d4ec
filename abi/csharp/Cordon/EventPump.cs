using System.Text.Json;

namespace Cordon;

/// <summary>
/// The one thread per client that waits for records of the journal, however many tasks wait for them. It starts with the
/// first subscription and ends with the client.
/// </summary>
internal sealed class EventPump(ClientHandle client, long cursor)
{
    /// <summary>Of one call; the end of the client wakes it.</summary>
    private const int WaitMilliseconds = 60_000;

    private static readonly TimeSpan s_pauseAfterError = TimeSpan.FromSeconds(1);

    private readonly object _gate = new();
    private readonly Dictionary<string, HashSet<Subscription>> _byRequest = [];
    private readonly HashSet<Subscription> _toAll = [];
    private bool _started;
    private bool _ended;

    /// <summary>Woken at each record about this request; without one at each record.</summary>
    internal Subscription Subscribe(string? requestId)
    {
        var subscription = new Subscription(this, requestId);
        lock (_gate)
        {
            (requestId is null ? _toAll : SetOf(requestId)).Add(subscription);
            if (_ended) subscription.Wake();
            if (_started) return subscription;
            _started = true;
        }
        new Thread(Read) { IsBackground = true, Name = "cordon events" }.Start();
        return subscription;
    }

    private HashSet<Subscription> SetOf(string requestId)
    {
        if (!_byRequest.TryGetValue(requestId, out HashSet<Subscription>? set)) _byRequest[requestId] = set = [];
        return set;
    }

    private void Unsubscribe(Subscription subscription)
    {
        lock (_gate)
        {
            if (subscription.RequestId is null)
            {
                _toAll.Remove(subscription);
                return;
            }
            HashSet<Subscription> set = SetOf(subscription.RequestId);
            set.Remove(subscription);
            if (set.Count == 0) _byRequest.Remove(subscription.RequestId);
        }
    }

    private void Read()
    {
        while (true)
        {
            CordonStatus status;
            JsonElement record = default;
            try
            {
                int result = Native.NextEvent(client, JsonWriting.EventOptions(new EventOptions { After = cursor, Scope = EventScope.All }),
                                              WaitMilliseconds, out nint text, out nint error);
                status = (CordonStatus)result;
                if (error != 0) Native.ErrorFree(error);
                record = NativeText.TakeJson(text);
            }
            catch (ObjectDisposedException)
            {
                status = CordonStatus.ShuttingDown;
            }
            if (status == CordonStatus.Ok)
            {
                cursor = record.Integer("cursor") ?? cursor;
                Wake(record.Text("request_id"));
            }
            else if (status is CordonStatus.ShuttingDown or CordonStatus.InvalidHandle or CordonStatus.Forked)
            {
                WakeEverybody(forGood: true);
                return;
            }
            else if (status != CordonStatus.NoEvent)
            {
                WakeEverybody(forGood: false); // each asks the library and is told the error itself
                Thread.Sleep(s_pauseAfterError);
            }
        }
    }

    private void Wake(string? requestId)
    {
        lock (_gate)
        {
            foreach (Subscription subscription in _toAll) subscription.Wake();
            if (requestId is null || !_byRequest.TryGetValue(requestId, out HashSet<Subscription>? set)) return;
            foreach (Subscription subscription in set) subscription.Wake();
        }
    }

    private void WakeEverybody(bool forGood)
    {
        lock (_gate)
        {
            _ended |= forGood;
            foreach (Subscription subscription in _toAll) subscription.Wake();
            foreach (HashSet<Subscription> set in _byRequest.Values)
                foreach (Subscription subscription in set) subscription.Wake();
        }
    }

    internal sealed class Subscription(EventPump pump, string? requestId) : IDisposable
    {
        private TaskCompletionSource _news = NewSource();

        internal string? RequestId { get; } = requestId;

        /// <summary>
        /// Ends with the next news. Take it before asking the library where things stand, so that nothing is missed.
        /// </summary>
        internal Task News => Volatile.Read(ref _news).Task;

        internal void Wake() => Interlocked.Exchange(ref _news, NewSource()).SetResult();

        public void Dispose() => pump.Unsubscribe(this);

        private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
