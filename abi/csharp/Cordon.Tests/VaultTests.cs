using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Cordon.Tests;

public sealed class VaultTests : ClientTest
{
    [Fact]
    public async Task Secrets_GoInAreWipedAndOnlyTheirNamesComeOut()
    {
        JsonObject config = Stage.Configuration(Folder);
        config["vault"] = new JsonObject { ["file"] = Path.Combine(Folder, "vault") };
        CordonClient client = await OpenAsync(config);

        byte[] early = Encoding.UTF8.GetBytes("not yet");
        CordonException locked = await Assert.ThrowsAsync<CordonException>(() => client.SetSecretAsync("app", early));
        Assert.Equal(CordonStatus.VaultLocked, locked.Status);
        Assert.All(early, each => Assert.Equal(0, each)); // although the call failed

        byte[] key = RandomNumberGenerator.GetBytes(32);
        await client.UnlockVaultAsync(VaultKeyKind.Key, key);
        Assert.All(key, each => Assert.Equal(0, each));

        byte[] secret = Encoding.UTF8.GetBytes("hunter2 hunter2");
        await client.SetSecretAsync("app", secret);
        Assert.All(secret, each => Assert.Equal(0, each));
        string status = (await client.GetVaultStatusAsync()).GetRawText();
        Assert.Contains("\"app\"", status, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", status, StringComparison.Ordinal);

        await client.RemoveSecretAsync("app");
        CordonException gone = await Assert.ThrowsAsync<CordonException>(() => client.RemoveSecretAsync("app"));
        Assert.Equal(CordonStatus.NotFound, gone.Status);
        CordonException rekey = await Assert.ThrowsAsync<CordonException>(() => client.RekeyVaultAsync(null, new byte[32]));
        Assert.Equal(CordonStatus.InvalidArgument, rekey.Status);
        var addSlot = new JsonObject { ["action"] = "add_slot", ["kind"] = "key" };
        await client.RekeyVaultAsync(addSlot, RandomNumberGenerator.GetBytes(32));
        Assert.Equal(2, (await client.GetVaultStatusAsync()).GetProperty("slots").GetArrayLength());
    }

    [Fact]
    public async Task Secret_OfACallWithWrongArgumentsIsWipedToo()
    {
        CordonClient client = await OpenAsync(Stage.Configuration(Folder));
        await WipedAsync<ArgumentException>(secret => client.SetSecretAsync("cut\0off", secret));
        await WipedAsync<ArgumentNullException>(secret => client.SetSecretAsync(null!, secret));
        await WipedAsync<ArgumentOutOfRangeException>(secret => client.UnlockVaultAsync((VaultKeyKind)7, secret));
        await WipedAsync<ArgumentOutOfRangeException>(secret => client.RekeyVaultAsync(null, secret, TimeSpan.FromDays(-1)));

        static async Task WipedAsync<TError>(Func<byte[], Task> call) where TError : Exception
        {
            byte[] secret = Encoding.UTF8.GetBytes("hunter2");
            await Assert.ThrowsAsync<TError>(() => call(secret));
            Assert.All(secret, each => Assert.Equal(0, each));
        }
    }

    [Fact]
    public async Task NoCopyOfASecret_StaysInTheProcess()
    {
        CordonClient client = await OpenAsync(Stage.Configuration(Folder));
        byte[] complement = RandomNumberGenerator.GetBytes(48);
        // Where the collector may move an array it may leave copies behind; that is the caller's to prevent.
        byte[] secret = GC.AllocateArray<byte>(complement.Length, pinned: true);
        for (int at = 0; at < secret.Length; ++at) secret[at] = (byte)~complement[at];
        Assert.Equal(1, Memory.CopiesOf(complement));
        await client.SetSecretAsync("app", secret);
        Assert.Equal(0, Memory.CopiesOf(complement));
    }
}
