package tradelake;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.types.DataType;

/** What events look like, read from the JSON that {@code streaming/spec.py} derives from the data contracts. */
final class EventSpec {
    /** How a field is written in JSON, and what column it becomes. */
    enum Kind {
        ID,
        STRING,
        DECIMAL,
        INTEGER,
        DATE,
        TIMESTAMP
    }

    static final class Field {
        final int position;
        final String name;
        final Kind kind;
        final boolean required;
        final int precision;
        final int scale;
        final long minimum;
        final long maximum;
        final int minLength;
        final int maxLength;
        final Pattern pattern;

        Field(int position, JsonNode node) {
            this.position = position;
            name = node.required("name").asText();
            kind = Kind.valueOf(node.required("kind").asText().toUpperCase());
            required = node.required("required").asBoolean();
            precision = node.path("precision").asInt();
            scale = node.path("scale").asInt();
            minimum = node.path("minimum").asLong(Long.MIN_VALUE);
            maximum = node.path("maximum").asLong(Long.MAX_VALUE);
            minLength = node.path("min_length").asInt(0);
            maxLength = node.path("max_length").asInt(Integer.MAX_VALUE);
            pattern = node.hasNonNull("pattern") ? Pattern.compile(node.get("pattern").asText()) : null;
        }

        DataType dataType() {
            DataType type =
                    switch (kind) {
                        case ID, STRING -> DataTypes.STRING();
                        case DECIMAL -> DataTypes.DECIMAL(precision, scale);
                        case INTEGER -> DataTypes.BIGINT();
                        case DATE -> DataTypes.DATE();
                        case TIMESTAMP -> DataTypes.TIMESTAMP_LTZ(6);
                    };
            return required ? type.notNull() : type.nullable();
        }
    }

    static final class EventType {
        final int position;
        final String value;
        final String name;
        final StringData topic;
        final Field[] fields;
        final Map<String, Field> byName = new HashMap<>();

        EventType(int position, JsonNode node) {
            this.position = position;
            value = node.required("type").asText();
            name = node.required("name").asText();
            topic = StringData.fromString(node.required("topic").asText());
            List<Field> read = new ArrayList<>();
            node.required("fields").forEach(field -> read.add(new Field(read.size(), field)));
            fields = read.toArray(new Field[0]);
            if (fields.length > Long.SIZE) {
                throw new IllegalArgumentException(name + ": more than " + Long.SIZE + " fields");
            }
            read.forEach(field -> byName.put(field.name, field));
        }

        DataType rowType() {
            DataTypes.Field[] columns = new DataTypes.Field[fields.length];
            for (Field field : fields) {
                columns[field.position] = DataTypes.FIELD(field.name, field.dataType());
            }
            return DataTypes.ROW(columns).nullable();
        }
    }

    final EventType[] types;
    final Map<String, EventType> byValue = new HashMap<>();
    final StringData deadLetterTopic;
    final int maxBytes;
    final int maxDepth;
    final long maxClockAheadMillis;
    final String eventTime;

    private EventSpec(JsonNode node) {
        deadLetterTopic = StringData.fromString(node.required("dead_letter_topic").asText());
        maxBytes = node.required("max_event_bytes").asInt();
        maxDepth = node.required("max_depth").asInt();
        maxClockAheadMillis = node.required("max_clock_ahead_s").asLong() * 1000;
        eventTime = node.required("event_time").asText();
        List<EventType> read = new ArrayList<>();
        node.required("types").forEach(type -> read.add(new EventType(read.size(), type)));
        types = read.toArray(new EventType[0]);
        read.forEach(type -> byValue.put(type.value, type));
    }

    static EventSpec read(String json) {
        try {
            return new EventSpec(new ObjectMapper().readTree(json));
        } catch (java.io.IOException | RuntimeException error) {
            throw new IllegalArgumentException("parse_event: cannot read the spec: " + error.getMessage(), error);
        }
    }
}
