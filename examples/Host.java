import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A host of Cordon in Java 22 or later: the Foreign Function and Memory API, no binding. Restricts a device, quarantines a
 * file, follows both to their end.
 *
 * <pre>java --enable-native-access=ALL-UNNAMED Host.java LIBRARY CONFIG MACHINE SHA1</pre>
 *
 * CONFIG is a path, or - for the library's own choice. Exit: 0 both were done, 1 an error, 2 wrong use, 3 something ended
 * otherwise or has not ended.
 */
public final class Host implements AutoCloseable {
    private static final int DONE = 0, ERROR = 1, USAGE = 2, OTHERWISE = 3;
    private static final int CORDON_OK = 0, CORDON_ABI_VERSION = 1_000_000;
    private static final int WAIT_MS = 600_000;

    private static final AddressLayout POINTER = ValueLayout.ADDRESS;
    private static final AddressLayout TEXT =
            ValueLayout.ADDRESS.withTargetLayout(MemoryLayout.sequenceLayout(Long.MAX_VALUE, ValueLayout.JAVA_BYTE));
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;

    private final SymbolLookup library;
    private final MemorySegment client;

    private Host(Path path, String config) throws Throwable {
        library = SymbolLookup.libraryLookup(path, Arena.global());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment handle = arena.allocate(POINTER), error = arena.allocate(POINTER);
            MethodHandle init = function("cordon_init", FunctionDescriptor.of(INT, INT, POINTER, POINTER, POINTER));
            check((int) init.invokeExact(CORDON_ABI_VERSION, text(arena, config), handle, error), error);
            client = handle.get(POINTER, 0);
        }
    }

    @Override
    public void close() {
        try {
            function("cordon_client_free", FunctionDescriptor.ofVoid(POINTER)).invokeExact(client);
        } catch (Throwable problem) {
            throw new IllegalStateException(problem);
        }
    }

    /** Records a request and returns its id: it will be sent even if this process dies. */
    private String submit(String operation, String request) throws Throwable {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment id = arena.allocate(POINTER), error = arena.allocate(POINTER);
            MethodHandle submit = function("cordon_submit", FunctionDescriptor.of(INT, POINTER, POINTER, POINTER, POINTER, POINTER));
            check((int) submit.invokeExact(client, text(arena, operation), text(arena, request), id, error), error);
            return taken(id);
        }
    }

    /** Waits for the end, and says what it was. Only CORDON_OK means that the device did it. */
    private boolean follow(String operation, String id) throws Throwable {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment action = arena.allocate(POINTER), error = arena.allocate(POINTER);
            MethodHandle poll = function("cordon_poll_action",
                    FunctionDescriptor.of(INT, POINTER, POINTER, POINTER, INT, POINTER, POINTER));
            int status = (int) poll.invokeExact(client, text(arena, id), MemorySegment.NULL, WAIT_MS, action, error);
            check(status, error);
            taken(action);
            System.out.println(operation + ": " + (status == CORDON_OK ? "done on the device" : "not done: " + name(status)));
            return status == CORDON_OK;
        }
    }

    private String name(int status) throws Throwable {
        MethodHandle name = function("cordon_status_name", FunctionDescriptor.of(TEXT, INT));
        return ((MemorySegment) name.invokeExact(status)).getString(0);
    }

    /** Throws what the error says, and gives the error back. */
    private void check(int status, MemorySegment error) throws Throwable {
        if (status >= 0) return;
        MemorySegment taken = error.get(POINTER, 0);
        MethodHandle message = function("cordon_error_message", FunctionDescriptor.of(TEXT, POINTER));
        String line = ((MemorySegment) message.invokeExact(taken)).getString(0);
        function("cordon_error_free", FunctionDescriptor.ofVoid(POINTER)).invokeExact(taken);
        throw new IllegalStateException(line);
    }

    /** The text behind a char **, which is given back. */
    private String taken(MemorySegment place) throws Throwable {
        MemorySegment text = place.get(TEXT, 0);
        if (text.equals(MemorySegment.NULL)) return "";
        String copy = text.getString(0);
        function("cordon_string_free", FunctionDescriptor.ofVoid(POINTER)).invokeExact(text);
        return copy;
    }

    private MethodHandle function(String name, FunctionDescriptor descriptor) {
        return Linker.nativeLinker().downcallHandle(library.find(name).orElseThrow(), descriptor);
    }

    private static MemorySegment text(Arena arena, String text) {
        return text == null ? MemorySegment.NULL : arena.allocateFrom(text);
    }

    /** A JSON object of names and texts; both are hexadecimal digits or plain words here. */
    private static String object(String... members) {
        List<String> made = new ArrayList<>();
        for (int i = 0; i < members.length; i += 2) made.add("\"%s\":\"%s\"".formatted(members[i], members[i + 1]));
        return "{" + String.join(",", made) + "}";
    }

    public static void main(String[] arguments) throws Throwable {
        if (arguments.length != 4 || !(arguments[2] + arguments[3]).matches("[0-9A-Za-z]+")) {
            System.err.println("usage: java --enable-native-access=ALL-UNNAMED Host.java LIBRARY CONFIG MACHINE SHA1");
            System.exit(USAGE);
        }
        String config = arguments[1].equals("-") ? null : Files.readString(Path.of(arguments[1]));
        String machine = arguments[2], sha1 = arguments[3];
        int result;
        try (Host host = new Host(Path.of(arguments[0]), config)) {
            String restriction = host.submit("restrict_code_execution", object("machine_id", machine, "comment", "Contain the device"));
            String quarantine =
                    host.submit("stop_and_quarantine", object("machine_id", machine, "sha1", sha1, "comment", "Stop the file"));
            boolean restricted = host.follow("restrict_code_execution", restriction);
            boolean quarantined = host.follow("stop_and_quarantine", quarantine);
            result = restricted && quarantined ? DONE : OTHERWISE;
        } catch (IllegalStateException problem) {
            System.err.println(problem.getMessage());
            result = ERROR;
        }
        System.exit(result);
    }
}
