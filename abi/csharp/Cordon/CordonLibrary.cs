using System.Runtime.InteropServices;

namespace Cordon;

/// <summary>The shared library behind this package. Nothing here needs a client.</summary>
public static class CordonLibrary
{
    private static string? _path;
    private static nint _library;

    static CordonLibrary() => NativeLibrary.SetDllImportResolver(typeof(CordonLibrary).Assembly, Resolve);

    /// <summary>
    /// File to load instead of libcordon.so.1 from where the system's loader finds it. To be set before the first call.
    /// </summary>
    /// <exception cref="InvalidOperationException">The library was loaded already.</exception>
    public static string? Path
    {
        get => _path;
        set
        {
            if (_library != 0) throw new InvalidOperationException("libcordon is loaded already; set the path before the first call");
            _path = value;
        }
    }

    /// <summary>The loaded library's version, "1.0.0".</summary>
    public static string Version => NativeText.Borrow(Native.Version());

    /// <summary>The loaded library's ABI version, 1000000 for 1.0.0.</summary>
    public static long AbiVersion => Native.AbiVersion();

    /// <summary>The plugin manifest: operations with their parameters, schemas, permissions. JSON.</summary>
    public static string Manifest => NativeText.Borrow(Native.Manifest());

    /// <summary>The status' constant, "CORDON_E_DEADLINE"; "CORDON_UNKNOWN" for a number the library does not have.</summary>
    public static string NameOf(CordonStatus status) => NativeText.Borrow(Native.StatusName((int)status));

    /// <summary>Runs the static constructor, so that the resolver is there before the first native call.</summary>
    internal static void Prepare()
    {
    }

    private static nint Resolve(string name, System.Reflection.Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (name != Native.LibraryName) return 0;
        if (_library == 0) _library = NativeLibrary.Load(_path ?? name);
        return _library;
    }
}
