package dev.polder.cli.trace;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;

/// The operations of one run, by phase and actor. An actor that comes to the end of its list before
/// the phase's time is over begins it again.
public final class Trace {

    // The file: magic, seed, texts, then for each phase and actor in their order a count and the
    // packed operations; all longs, little-endian.

    private static final long MAGIC = 0x31_45_43_41_52_54_44_50L;      // "PDTRACE1"
    private static final int HEADER = 3;

    private final long seed;
    private final int texts;
    private final long[][][] ops;

    Trace(long seed, int texts, long[][][] ops) {
        this.seed = seed;
        this.texts = texts;
        this.ops = ops;
    }

    /// The seed it was made from.
    public long seed() {
        return seed;
    }

    /// How many texts the trace speaks of.
    public int texts() {
        return texts;
    }

    /// The packed operations of an actor in a phase; see [Op]. Not to be written to.
    public long[] ops(Phase phase, Actor actor) {
        return ops[phase.ordinal()][actor.ordinal()];
    }

    /// Operations in all lists together.
    public long size() {
        return Arrays.stream(ops).flatMap(Arrays::stream).mapToLong(list -> list.length).sum();
    }

    /// The first 16 hexadecimal digits of the SHA-256 of the trace's file.
    public String hash() {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(bytes());
            return HexFormat.of().formatHex(digest, 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /// Writes the trace to a file.
    public void write(Path file) throws IOException {
        Files.write(file, bytes());
    }

    /// Reads a trace that [#write] wrote.
    public static Trace read(Path file) throws IOException {
        ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        if (in.remaining() < HEADER * Long.BYTES || in.getLong() != MAGIC) {
            throw new IOException(file + " is not a trace");
        }
        long seed = in.getLong();
        int texts = Math.toIntExact(in.getLong());
        long[][][] ops = new long[Phase.values().length][Actor.values().length][];
        for (long[][] phase : ops) {
            for (int a = 0; a < phase.length; a++) {
                long[] list = new long[Math.toIntExact(in.getLong())];
                for (int i = 0; i < list.length; i++) {
                    list[i] = in.getLong();
                }
                phase[a] = list;
            }
        }
        return new Trace(seed, texts, ops);
    }

    private byte[] bytes() {
        long lists = (long) Phase.values().length * Actor.values().length;
        ByteBuffer out =
                ByteBuffer.allocate(Math.toIntExact((HEADER + lists + size()) * Long.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        out.putLong(MAGIC).putLong(seed).putLong(texts);
        for (long[][] phase : ops) {
            for (long[] list : phase) {
                out.putLong(list.length);
                for (long op : list) {
                    out.putLong(op);
                }
            }
        }
        assert !out.hasRemaining() : "the size was computed wrongly";
        return out.array();
    }
}
