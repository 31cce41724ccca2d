package tradelake;

import java.time.Duration;
import java.util.stream.Stream;
import org.apache.flink.api.common.state.StateTtlConfig;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.core.memory.MemorySegmentFactory;
import org.apache.flink.runtime.state.StateInitializationContext;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.binary.BinaryRowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.BigIntType;
import org.apache.flink.table.types.logical.RowType;

/**
 * Deduplication: of all rows with one identity within a window, the first passes.
 *
 * <p>Exact, like SQL's {@code ROW_NUMBER() ... = 1}, whose state is the same: one entry per identity. Most of that
 * operator's time goes into asking RocksDB for entries that are not there; here a {@link SeenFilter} on the heap answers
 * for nearly all new identities, and RocksDB is asked only about the rest. The filter is no state: it is rebuilt from
 * the entries after a restore.
 */
public final class KeepFirst {
    private static final String STATE = "seen";

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
                        .keyBy(new Identity(high, low), InternalTypeInfo.ofFields(new BigIntType(), new BigIntType()))
                        .transform("keep first", info, new Operator(high, low, windowMillis))
                        .uid("keep-first");
        tables.createTemporaryView(all, tables.fromDataStream(stream));
        tables.createTemporaryView(first, tables.fromDataStream(kept));
    }

    /** The two halves of the identity as a compact key. */
    private static final class Identity implements KeySelector<RowData, RowData> {
        private static final long serialVersionUID = 1L;
        private static final int BYTES = 24;
        private final int high;
        private final int low;

        Identity(int high, int low) {
            this.high = high;
            this.low = low;
        }

        @Override
        public RowData getKey(RowData row) {
            BinaryRowData key = new BinaryRowData(2);
            key.pointTo(MemorySegmentFactory.wrap(new byte[BYTES]), 0, BYTES);
            key.setLong(0, row.getLong(high));
            key.setLong(1, row.getLong(low));
            return key;
        }
    }

    private static final class Operator extends AbstractStreamOperator<RowData>
            implements OneInputStreamOperator<RowData, RowData> {
        private static final long serialVersionUID = 1L;
        private final int high;
        private final int low;
        private final long windowMillis;
        private transient ValueState<Boolean> seen;
        private transient SeenFilter filter;
        private transient boolean restored;

        Operator(int high, int low, long windowMillis) {
            this.high = high;
            this.low = low;
            this.windowMillis = windowMillis;
        }

        @Override
        public void initializeState(StateInitializationContext context) throws Exception {
            super.initializeState(context);
            ValueStateDescriptor<Boolean> descriptor = new ValueStateDescriptor<>(STATE, Types.BOOLEAN);
            descriptor.enableTimeToLive(
                    StateTtlConfig.newBuilder(Duration.ofMillis(windowMillis))
                            .cleanupInRocksdbCompactFilter(100_000)
                            .build());
            seen = context.getKeyedStateStore().getState(descriptor);
            restored = context.isRestored();
        }

        @Override
        public void open() throws Exception {
            super.open();
            long now = now();
            filter = new SeenFilter(windowMillis, now);
            if (restored) {
                try (Stream<RowData> keys =
                        this.<RowData>getKeyedStateBackend().getKeys(STATE, VoidNamespace.INSTANCE)) {
                    keys.forEach(key -> filter.addAndTell(key.getLong(0), key.getLong(1), now));
                }
            }
        }

        @Override
        public void processElement(StreamRecord<RowData> record) throws Exception {
            RowData row = record.getValue();
            if (filter.addAndTell(row.getLong(high), row.getLong(low), now()) && seen.value() != null) {
                return;
            }
            seen.update(Boolean.TRUE);
            output.collect(record);
        }

        private long now() {
            return getProcessingTimeService().getCurrentProcessingTime();
        }
    }
}
