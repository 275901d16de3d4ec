namespace Cordon;

/// <summary>
/// Runs calls that may block until their deadline on a few threads of its own, so that the host's thread pool stays
/// free. Threads start when needed and end after a while without work.
/// </summary>
internal sealed class BlockingCalls(int limit)
{
    private static readonly TimeSpan s_idleTime = TimeSpan.FromSeconds(30);

    private readonly object _gate = new();
    private readonly Queue<Action> _queue = new();
    private int _threads;
    private int _idle;

    /// <summary>The task is cancelled if the token is, as long as the call has not begun.</summary>
    internal Task<T> Run<T>(Func<T> call, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested) return Task.FromCanceled<T>(cancellationToken);
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        int begun = 0;
        CancellationTokenRegistration registration = cancellationToken.Register(() =>
        {
            if (Interlocked.Exchange(ref begun, 1) == 0) completion.TrySetCanceled(cancellationToken);
        });
        Enqueue(() =>
        {
            if (Interlocked.Exchange(ref begun, 1) != 0) return;
            registration.Dispose();
            try
            {
                completion.SetResult(call());
            }
            catch (OperationCanceledException cancelled)
            {
                completion.SetCanceled(cancelled.CancellationToken);
            }
            catch (Exception error)
            {
                completion.SetException(error);
            }
        });
        return completion.Task;
    }

    private void Enqueue(Action work)
    {
        lock (_gate)
        {
            _queue.Enqueue(work);
            if (_idle >= _queue.Count)
            {
                Monitor.Pulse(_gate);
                return;
            }
            if (_threads == limit) return;
            ++_threads;
        }
        new Thread(Work) { IsBackground = true, Name = "cordon call" }.Start();
    }

    private void Work()
    {
        while (true)
        {
            Action work;
            lock (_gate)
            {
                while (_queue.Count == 0)
                {
                    ++_idle;
                    bool woken = Monitor.Wait(_gate, s_idleTime);
                    --_idle;
                    if (woken || _queue.Count > 0) continue;
                    --_threads;
                    return;
                }
                work = _queue.Dequeue();
            }
            work();
        }
    }
}
