using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cordon;

/// <summary>What is offered to the vault.</summary>
public enum VaultKeyKind
{
    /// <summary>32 bytes, or 64 hex digits.</summary>
    Key,

    Passphrase,
}

/// <remarks>Secrets go in and never come out. The memory given here is wiped, whatever becomes of the call.</remarks>
public sealed partial class CordonClient
{
    /// <summary>Offers a key for the vault.</summary>
    /// <param name="secret">Wiped when the task ends.</param>
    public Task UnlockVaultAsync(VaultKeyKind kind, Memory<byte> secret)
    {
        return WithSecretAsync(secret, () => kind switch
        {
            VaultKeyKind.Key => "key",
            VaultKeyKind.Passphrase => "passphrase",
            _ => throw new ArgumentOutOfRangeException(nameof(kind)),
        }, (name, address, length) =>
        {
            unsafe
            {
                return (Native.VaultUnlock(_handle, name, (byte*)address, length, out nint error), error);
            }
        });
    }

    /// <summary>Stores a secret under a name, replacing an older one; the first makes the vault file.</summary>
    /// <param name="value">Wiped when the task ends.</param>
    public Task SetSecretAsync(string name, Memory<byte> value)
    {
        return WithSecretAsync(value, () =>
        {
            NativeText.Check(name, nameof(name));
            return name;
        }, (checkedName, address, length) =>
        {
            unsafe
            {
                return (Native.SecretSet(_handle, checkedName, (byte*)address, length, out nint error), error);
            }
        });
    }

    public Task RemoveSecretAsync(string name)
    {
        NativeText.Check(name, nameof(name));
        return Task.Run(() => Reply.Expect(Native.SecretRemove(_handle, name, out nint error), error));
    }

    /// <summary>The names of the secrets and the key slots, never a value.</summary>
    public Task<JsonElement> GetVaultStatusAsync() => Task.Run(() =>
    {
        int status = Native.VaultStatus(_handle, out nint text, out nint error);
        return Reply.Take(status, text, error).Answer;
    });

    /// <summary>Changes the vault's key slots or rotates its store key.</summary>
    /// <param name="options">What to do; left out: rotate.</param>
    /// <param name="newSecret">The new key or passphrase. Wiped when the task ends.</param>
    public Task RekeyVaultAsync(JsonObject? options, Memory<byte> newSecret, TimeSpan? timeout = null)
    {
        return WithSecretAsync(newSecret, () => (Text: options?.ToJsonString(), Milliseconds: Milliseconds.Of(timeout, nameof(timeout))),
                               (change, address, length) =>
        {
            unsafe
            {
                return (Native.VaultRekey(_handle, change.Text, (byte*)address, length, change.Milliseconds, out nint error), error);
            }
        });
    }

    /// <summary>Pins the bytes, so that no copy of them is left behind, and wipes them.</summary>
    /// <param name="prepare">
    /// Checks the call's other arguments and makes what it needs of them, before this returns. What it throws is the task's.
    /// </param>
    private static async Task WithSecretAsync<T>(Memory<byte> secret, Func<T> prepare,
                                                 Func<T, nint, nuint, (int Status, nint Error)> call)
    {
        using System.Buffers.MemoryHandle pin = secret.Pin();
        nint address;
        unsafe
        {
            address = (nint)pin.Pointer;
        }
        try
        {
            T prepared = prepare();
            await Task.Run(() =>
            {
                (int status, nint error) = call(prepared, address, (nuint)secret.Length);
                Reply.Expect(status, error);
            }).ConfigureAwait(false);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret.Span);
        }
    }
}
