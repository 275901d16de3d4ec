using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Cordon.Tests;

/// <summary>The binding against the loaded library: numbers and the table's layout.</summary>
public class ContractTests
{
    [Fact]
    public void Status_HasTheNameThatTheLibraryGivesIt()
    {
        foreach (CordonStatus status in Enum.GetValues<CordonStatus>())
        {
            string word = Regex.Replace(status.ToString(), "(?<=[a-z])(?=[A-Z])", "_").ToUpperInvariant();
            Assert.Matches($"^CORDON_(E_)?{word}$", CordonLibrary.NameOf(status));
        }
    }

    [Fact]
    public void Table_LiesInMemoryAsItIsDeclared()
    {
        nint address = Native.GetApi(Native.HostAbi / 1_000_000);
        var table = Marshal.PtrToStructure<ApiTable>(address);
        Assert.Equal((uint)Marshal.SizeOf<ApiTable>(), table.StructSize);
        Assert.Equal(CordonLibrary.AbiVersion, table.AbiVersion);
        nint library = NativeLibrary.Load(Native.LibraryName);
        foreach ((string member, string symbol) in ApiTable.Members)
        {
            nint offset = Marshal.OffsetOf<ApiTable>(member);
            Assert.Equal(NativeLibrary.GetExport(library, symbol), Marshal.ReadIntPtr(address + offset));
        }
    }

    [Fact]
    public void StatusThatIsNewToThePackage_IsNeverSuccess()
    {
        Reply.Expect(0, 0);
        CordonException error = Assert.Throws<CordonException>(() => Reply.Expect(42, 0));
        Assert.Equal(42, (int)error.Status);
        Assert.Contains("42", error.Message, StringComparison.Ordinal);
        Assert.False(error.Error.Retryable);
        Assert.Throws<CordonException>(() => new Reply((CordonStatus)42, default).Answer);
        _ = new Reply(CordonStatus.Pending, default).Answer; // of a sign-in that waits for its person

        var unknown = Assert.Throws<OutcomeUnknownException>(() => Reply.Recorded(42, 0, 0, "the caller's \"own\""));
        Assert.Equal("the caller's \"own\"", unknown.RequestId);
        Assert.Equal("", Assert.Throws<OutcomeUnknownException>(() => Reply.Recorded(0, 0, 0, null)).RequestId);
    }

    [Fact]
    public void Library_TellsItsVersionAndOperationsWithoutAClient()
    {
        Assert.StartsWith("1.", CordonLibrary.Version, StringComparison.Ordinal);
        Assert.Contains("isolate", CordonLibrary.Manifest, StringComparison.Ordinal);
    }

    [Fact]
    public void Path_CannotChangeOnceTheLibraryIsLoaded()
    {
        _ = CordonLibrary.Version;
        Assert.Throws<InvalidOperationException>(() => CordonLibrary.Path = "/nowhere.so");
    }
}
