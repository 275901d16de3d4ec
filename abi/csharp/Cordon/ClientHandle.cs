using System.Runtime.InteropServices;

namespace Cordon;

/// <summary>A client's handle. Ending it shuts the client down, if that has not been done.</summary>
internal sealed class ClientHandle : SafeHandle
{
    public ClientHandle() : base(0, ownsHandle: true)
    {
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Native.ClientFree(handle);
        return true;
    }
}
