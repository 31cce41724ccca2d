package tradelake;

import java.util.Optional;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.catalog.DataTypeFactory;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.functions.FunctionContext;
import org.apache.flink.table.functions.TableFunction;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.inference.InputTypeStrategies;
import org.apache.flink.table.types.inference.TypeInference;

/**
 * SQL table function {@code parse_event(payload, ingest_ts, spec)}: reads one published event once.
 *
 * <p>{@code spec} is a literal, derived from the data contracts, that says which event types there are and which
 * fields each has; see {@link EventSpec}. The one row that comes back for every payload holds
 *
 * <ul>
 *   <li>{@code topic}: where the payload belongs: the event type's topic, or the dead letters;
 *   <li>{@code reason}, {@code detail}: why it is a dead letter, else null;
 *   <li>{@code id_hi}, {@code id_lo}: the 128 bits of the event's identity, a compact key;
 *   <li>one nullable row per event type, named after its table: the typed columns, set for the event's own type alone.
 * </ul>
 *
 * <p>It never throws because of a payload: whatever cannot be read becomes a row with a reason.
 */
public class ParseEvent extends TableFunction<RowData> {
    private static final long serialVersionUID = 1L;
    private static final int FIXED_COLUMNS = 5;

    private transient String specText;
    private transient EventParser parser;

    public void eval(byte[] payload, TimestampData ingestTs, StringData spec) {
        EventParser parser = parserFor(spec);
        EventSpec events = parser.spec();
        GenericRowData row = new GenericRowData(FIXED_COLUMNS + events.types.length);
        EventParser.Result result = parser.parse(payload, ingestTs.getMillisecond());
        if (result.reason != null) {
            row.setField(0, events.deadLetterTopic);
            row.setField(1, StringData.fromString(result.reason));
            row.setField(2, StringData.fromString(result.detail));
        } else {
            row.setField(0, result.type.topic);
            row.setField(3, result.idHigh);
            row.setField(4, result.idLow);
            row.setField(FIXED_COLUMNS + result.type.position, result.columns);
        }
        collect(row);
    }

    /** The spec is a literal, hence the same object or at least the same text in every call. */
    private EventParser parserFor(StringData spec) {
        if (parser == null) {
            specText = spec.toString();
            parser = new EventParser(EventSpec.read(specText));
        }
        return parser;
    }

    @Override
    public void open(FunctionContext context) {
        parser = null;
    }

    @Override
    public TypeInference getTypeInference(DataTypeFactory factory) {
        return TypeInference.newBuilder()
                .inputTypeStrategy(
                        InputTypeStrategies.sequence(
                                InputTypeStrategies.explicit(DataTypes.BYTES()),
                                InputTypeStrategies.explicit(
                                        DataTypes.TIMESTAMP_LTZ(3).bridgedTo(TimestampData.class)),
                                InputTypeStrategies.explicit(
                                        DataTypes.STRING().notNull().bridgedTo(StringData.class))))
                .outputTypeStrategy(
                        call ->
                                Optional.of(
                                        outputType(
                                                call.getArgumentValue(2, String.class)
                                                        .orElseThrow(
                                                                () ->
                                                                        call.newValidationError(
                                                                                "parse_event: the spec must be a literal")))))
                .build();
    }

    private static DataType outputType(String spec) {
        EventSpec events = EventSpec.read(spec);
        DataTypes.Field[] fields = new DataTypes.Field[FIXED_COLUMNS + events.types.length];
        fields[0] = DataTypes.FIELD("topic", DataTypes.STRING().notNull());
        fields[1] = DataTypes.FIELD("reason", DataTypes.STRING());
        fields[2] = DataTypes.FIELD("detail", DataTypes.STRING());
        fields[3] = DataTypes.FIELD("id_hi", DataTypes.BIGINT());
        fields[4] = DataTypes.FIELD("id_lo", DataTypes.BIGINT());
        for (EventSpec.EventType type : events.types) {
            fields[FIXED_COLUMNS + type.position] = DataTypes.FIELD(type.name, type.rowType());
        }
        return DataTypes.ROW(fields).notNull().bridgedTo(RowData.class);
    }
}
