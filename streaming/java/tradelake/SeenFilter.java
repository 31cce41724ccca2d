package tradelake;

import java.util.ArrayList;
import java.util.List;

/**
 * Says of an identity that it is certainly new, or that it may have been seen within the window.
 *
 * <p>Blocked Bloom filters: all bits of an identity lie in one cache line. A filter that is full, or old, is followed by
 * a fresh one, and dropped when everything in it is older than the window; so memory follows the events in the window,
 * at {@value #BITS_PER_IDENTITY} bits each. At most a given number of bytes: then the last filter is filled beyond what it
 * is made for, which costs certainty, hence time, and never a wrong "certainly new".
 */
final class SeenFilter {
    static final int BITS_PER_IDENTITY = 16;
    private static final int LONGS_PER_BLOCK = 8;
    private static final int SMALLEST = 1 << 18;
    private static final int LARGEST = 1 << 24;
    private static final int PARTS_OF_WINDOW = 8;

    private static final class Generation {
        final long[] bits;
        final int blockMask;
        final int capacity;
        int limit;
        long begunMillis;
        long lastMillis;
        int size;

        Generation(int capacity, long nowMillis) {
            this.capacity = capacity;
            limit = capacity;
            begunMillis = nowMillis;
            lastMillis = nowMillis;
            bits = new long[capacity / Long.SIZE * BITS_PER_IDENTITY];
            blockMask = bits.length / LONGS_PER_BLOCK - 1;
        }

        boolean contains(long high, long low) {
            int block = ((int) (high >>> 32) & blockMask) * LONGS_PER_BLOCK;
            long pattern = low;
            for (int i = 0; i < LONGS_PER_BLOCK; i++, pattern >>>= 6) {
                if ((bits[block + i] & 1L << pattern) == 0) {
                    return false;
                }
            }
            return true;
        }

        void add(long high, long low) {
            int block = ((int) (high >>> 32) & blockMask) * LONGS_PER_BLOCK;
            long pattern = low;
            for (int i = 0; i < LONGS_PER_BLOCK; i++, pattern >>>= 6) {
                bits[block + i] |= 1L << pattern;
            }
            size++;
        }
    }

    private final long windowMillis;
    private final long mostBytes;
    private final List<Generation> generations = new ArrayList<>();
    private Generation newest;

    SeenFilter(long windowMillis, long mostBytes, long nowMillis) {
        this.windowMillis = windowMillis;
        this.mostBytes = mostBytes;
        begin(SMALLEST, nowMillis);
    }

    /** Adds the identity; returns whether it may have been there before. */
    boolean addAndTell(long idHigh, long idLow, long nowMillis) {
        // Identities should be hashes, but nothing forces a publisher: mix them, so that no choice fills one block.
        long high = mix(idHigh + 0x9E3779B97F4A7C15L * idLow);
        long low = mix(idLow ^ high);
        boolean maybe = false;
        for (int i = generations.size() - 1; i >= 0 && !maybe; i--) {
            maybe = generations.get(i).contains(high, low);
        }
        if (newest.size >= newest.limit || nowMillis - newest.begunMillis > windowMillis / PARTS_OF_WINDOW) {
            begin(newest.size >= newest.limit ? Math.min(LARGEST, newest.capacity * 2) : SMALLEST, nowMillis);
        }
        newest.add(high, low);
        newest.lastMillis = nowMillis;
        return maybe;
    }

    private void begin(int capacity, long nowMillis) {
        generations.removeIf(old -> nowMillis - old.lastMillis > windowMillis);
        long bytes = generations.stream().mapToLong(each -> (long) each.bits.length * Long.BYTES).sum();
        if (newest != null && bytes + (long) capacity / Byte.SIZE * BITS_PER_IDENTITY > mostBytes) {
            newest.limit += SMALLEST;
            newest.begunMillis = nowMillis;
            return;
        }
        newest = new Generation(capacity, nowMillis);
        generations.add(newest);
    }

    private static long mix(long value) {
        long mixed = (value ^ value >>> 30) * 0xBF58476D1CE4E5B9L;
        mixed = (mixed ^ mixed >>> 27) * 0x94D049BB133111EBL;
        return mixed ^ mixed >>> 31;
    }
}
