package tradelake;

import java.nio.ByteBuffer;
import java.nio.LongBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.StateTtlConfig;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.metrics.Counter;
import org.apache.flink.runtime.state.StateInitializationContext;
import org.apache.flink.runtime.state.StateSnapshotContext;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.RowType;

/**
 * Deduplication: of all rows with one identity within a window, the first passes.
 *
 * <p>Exact, and checkpointed, like SQL's {@code ROW_NUMBER() ... = 1}. That operator keeps one RocksDB entry per identity,
 * and spends its time asking for entries that are not there, and writing them one by one. Here
 *
 * <ul>
 *   <li>a {@link SeenFilter} on the heap answers for nearly all new identities; it is no state, for it is rebuilt after a
 *       restore;
 *   <li>identities fall into buckets, the keys of the state; each bucket's identities are stored in chunks of
 *       {@value #CHUNK}, of which the last is on the heap until it is full or a checkpoint begins.
 * </ul>
 *
 * Only when the filter is not sure are a bucket's chunks searched.
 */
public final class KeepFirst {
    static final int CHUNK = 128;
    private static final String STATE = "identities";
    private static final int BUCKET_BITS = 12;
    private static final int IDENTITY_BYTES = 16;
    private static final int HEAP_SHARE = 8;

    private KeepFirst() {}

    /**
     * Registers two views on {@code rows}: {@code all}, planned and computed once whoever reads it, and {@code first},
     * the first of each identity.
     *
     * @param rows rows with the columns {@code id_hi} and {@code id_lo}, both null where there is no identity; such rows
     *     are in no window and not in {@code first}
     * @param windowMillis how long an identity is remembered
     */
    public static void register(StreamTableEnvironment tables, Table rows, String all, String first, long windowMillis) {
        DataType type = rows.getResolvedSchema().toPhysicalRowDataType().notNull().bridgedTo(RowData.class);
        RowType rowType = (RowType) type.getLogicalType();
        int high = rowType.getFieldIndex("id_hi");
        int low = rowType.getFieldIndex("id_lo");
        DataStream<RowData> stream = tables.toDataStream(rows, type);
        InternalTypeInfo<RowData> info = InternalTypeInfo.of(rowType);
        DataStream<RowData> kept =
                stream.filter(row -> !row.isNullAt(high))
                        .name("identified")
                        .keyBy(new Bucket(high, low), Types.INT)
                        .transform("keep first", info, new Operator(high, low, windowMillis))
                        .uid("keep-first");
        tables.createTemporaryView(all, tables.fromDataStream(stream));
        tables.createTemporaryView(first, tables.fromDataStream(kept));
    }

    /** The bucket that an identity falls into. */
    private static final class Bucket implements KeySelector<RowData, Integer> {
        private static final long serialVersionUID = 1L;
        private final int high;
        private final int low;

        Bucket(int high, int low) {
            this.high = high;
            this.low = low;
        }

        @Override
        public Integer getKey(RowData row) {
            return of(row.getLong(high), row.getLong(low));
        }

        static int of(long high, long low) {
            long mixed = (high ^ low) * 0x9E3779B97F4A7C15L;
            return (int) (mixed >>> Long.SIZE - BUCKET_BITS);
        }
    }

    /** The youngest identities of one bucket. */
    private static final class Tail {
        int number;
        int size;
        boolean isStored = true;
        private final long[] identities = new long[2 * CHUNK];

        boolean contains(long high, long low) {
            for (int i = 0; i < 2 * size; i += 2) {
                if (identities[i] == high && identities[i + 1] == low) {
                    return true;
                }
            }
            return false;
        }

        void add(long high, long low) {
            identities[2 * size] = high;
            identities[2 * size + 1] = low;
            size++;
            isStored = false;
        }

        byte[] bytes() {
            ByteBuffer buffer = ByteBuffer.allocate(size * IDENTITY_BYTES);
            buffer.asLongBuffer().put(identities, 0, 2 * size);
            return buffer.array();
        }
    }

    private static final class Operator extends AbstractStreamOperator<RowData>
            implements OneInputStreamOperator<RowData, RowData> {
        private static final long serialVersionUID = 1L;
        private final int high;
        private final int low;
        private final long windowMillis;
        private transient MapState<Integer, byte[]> chunks;
        private transient SeenFilter filter;
        private transient Tail[] tails;
        private transient Counter duplicates;
        private transient boolean restored;

        Operator(int high, int low, long windowMillis) {
            this.high = high;
            this.low = low;
            this.windowMillis = windowMillis;
        }

        @Override
        public void initializeState(StateInitializationContext context) throws Exception {
            super.initializeState(context);
            MapStateDescriptor<Integer, byte[]> descriptor =
                    new MapStateDescriptor<>(STATE, Types.INT, PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);
            descriptor.enableTimeToLive(
                    StateTtlConfig.newBuilder(Duration.ofMillis(windowMillis))
                            .cleanupInRocksdbCompactFilter(1000)
                            .build());
            chunks = context.getKeyedStateStore().getMapState(descriptor);
            restored = context.isRestored();
        }

        @Override
        public void open() throws Exception {
            super.open();
            tails = new Tail[1 << BUCKET_BITS];
            filter = new SeenFilter(windowMillis, Runtime.getRuntime().maxMemory() / HEAP_SHARE, now());
            duplicates = getMetricGroup().counter("duplicatesDropped");
            if (restored) {
                try (Stream<Integer> keys =
                        this.<Integer>getKeyedStateBackend().getKeys(STATE, VoidNamespace.INSTANCE)) {
                    for (int bucket : keys.distinct().toList()) {
                        recall(bucket);
                    }
                }
            }
        }

        private void recall(int bucket) throws Exception {
            setCurrentKey(bucket);
            Tail tail = tail(bucket);
            byte[] last = new byte[0];
            for (Map.Entry<Integer, byte[]> chunk : chunks.entries()) {
                LongBuffer identities = ByteBuffer.wrap(chunk.getValue()).asLongBuffer();
                while (identities.hasRemaining()) {
                    filter.addAndTell(identities.get(), identities.get(), now());
                }
                if (chunk.getKey() >= tail.number) {
                    tail.number = chunk.getKey();
                    last = chunk.getValue();
                }
            }
            LongBuffer identities = ByteBuffer.wrap(last).asLongBuffer();
            while (identities.hasRemaining()) {
                tail.add(identities.get(), identities.get());
            }
            tail.isStored = true;
            beginNextIfFull(tail);
        }

        /** Keys are set where state is touched, which is seldom. */
        @Override
        public boolean hasKeyContext1() {
            return false;
        }

        @Override
        public void processElement(StreamRecord<RowData> record) throws Exception {
            RowData row = record.getValue();
            long idHigh = row.getLong(high);
            long idLow = row.getLong(low);
            int bucket = Bucket.of(idHigh, idLow);
            Tail tail = tail(bucket);
            if (filter.addAndTell(idHigh, idLow, now())
                    && (tail.contains(idHigh, idLow) || isStored(bucket, idHigh, idLow))) {
                duplicates.inc();
                return;
            }
            tail.add(idHigh, idLow);
            if (tail.size == CHUNK) {
                store(bucket, tail);
            }
            beginNextIfFull(tail);
            output.collect(record);
        }

        @Override
        public void snapshotState(StateSnapshotContext context) throws Exception {
            for (int bucket = 0; bucket < tails.length; bucket++) {
                if (tails[bucket] != null && !tails[bucket].isStored) {
                    store(bucket, tails[bucket]);
                }
            }
            super.snapshotState(context);
        }

        private Tail tail(int bucket) {
            if (tails[bucket] == null) {
                tails[bucket] = new Tail();
            }
            return tails[bucket];
        }

        private void store(int bucket, Tail tail) throws Exception {
            setCurrentKey(bucket);
            chunks.put(tail.number, tail.bytes());
            tail.isStored = true;
        }

        private static void beginNextIfFull(Tail tail) {
            if (tail.size == CHUNK) {
                tail.number++;
                tail.size = 0;
            }
        }

        private boolean isStored(int bucket, long idHigh, long idLow) throws Exception {
            setCurrentKey(bucket);
            for (byte[] chunk : chunks.values()) {
                LongBuffer identities = ByteBuffer.wrap(chunk).asLongBuffer();
                for (int i = 0; i < identities.limit(); i += 2) {
                    if (identities.get(i) == idHigh && identities.get(i + 1) == idLow) {
                        return true;
                    }
                }
            }
            return false;
        }

        private long now() {
            return getProcessingTimeService().getCurrentProcessingTime();
        }
    }
}
