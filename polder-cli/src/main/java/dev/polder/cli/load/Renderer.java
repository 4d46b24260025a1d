package dev.polder.cli.load;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/// Makes the rendered form of a text: HTML with line numbers. One object for one thread.
final class Renderer {

    private static final byte[] LESS = ascii("&lt;");
    private static final byte[] MORE = ascii("&gt;");
    private static final byte[] AND = ascii("&amp;");
    private static final byte[] LINE = ascii("</span>\n<span class=\"l\" id=\"");
    private static final byte[] HEAD = ascii("<pre><span class=\"l\" id=\"1\">");
    private static final byte[] TAIL = ascii("</span></pre>\n");

    private byte[] out = new byte[1 << 16];
    private int size;

    /// Renders the text.
    ///
    /// @return how many bytes of [#bytes] it took
    int render(MemorySegment text) {
        size = 0;
        int line = 1;
        put(HEAD);
        long length = text.byteSize();
        for (long i = 0; i < length; i++) {
            byte b = text.get(ValueLayout.JAVA_BYTE, i);
            switch (b) {
                case '<' -> put(LESS);
                case '>' -> put(MORE);
                case '&' -> put(AND);
                case '\n' -> {
                    put(LINE);
                    put(ascii(Integer.toString(++line)));
                    put((byte) '"');
                    put((byte) '>');
                }
                default -> put(b);
            }
        }
        put(TAIL);
        return size;
    }

    /// The rendered text is at its beginning; valid until the next call.
    byte[] bytes() {
        return out;
    }

    private void put(byte[] bytes) {
        ensure(bytes.length);
        System.arraycopy(bytes, 0, out, size, bytes.length);
        size += bytes.length;
    }

    private void put(byte b) {
        ensure(1);
        out[size++] = b;
    }

    private void ensure(int more) {
        if (size + more > out.length) {
            out = java.util.Arrays.copyOf(out, 2 * (size + more));
        }
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
