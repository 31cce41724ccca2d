package tradelake;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonParser;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonProcessingException;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonToken;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.StreamReadConstraints;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.exc.StreamConstraintsException;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.TimestampData;

/**
 * Reads one event from its bytes with a streaming parser: one pass, no tree.
 *
 * <p>Every fault has one of the reasons that the whole platform shares. Fields that the contract does not know are
 * skipped, for publishers may add some before the contract does.
 */
final class EventParser {
    private static final int MAX_DETAIL = 300;
    private static final Pattern ADVICE =
            Pattern.compile("(: enable `[^`]*` to allow|\\s*\\(start marker at [^)]*\\)[^)]*\\)|: was expecting .*)");
    private static final long NON_ASCII = 0x8080808080808080L;
    private static final java.lang.invoke.VarHandle LONGS =
            java.lang.invoke.MethodHandles.byteArrayViewVarHandle(long[].class, java.nio.ByteOrder.nativeOrder());

    /** The outcome of one payload; reused for the next. */
    static final class Result {
        String reason;
        String detail;
        EventSpec.EventType type;
        long idHigh;
        long idLow;
        GenericRowData columns;
    }

    /** A payload that cannot be used; carries no stack trace, for dead letters may come by the million. */
    private static final class Unreadable extends Exception {
        private static final long serialVersionUID = 1L;
        final String reason;

        Unreadable(String reason, String detail) {
            super(detail, null, false, false);
            this.reason = reason;
        }
    }

    private final EventSpec spec;
    private final JsonFactory json;
    private final Result result = new Result();
    private final FieldReader reader = new FieldReader();

    EventParser(EventSpec spec) {
        this.spec = spec;
        this.json =
                JsonFactory.builder()
                        .streamReadConstraints(
                                StreamReadConstraints.builder()
                                        .maxNestingDepth(spec.maxDepth)
                                        .maxStringLength(Integer.MAX_VALUE)
                                        .maxNumberLength(Integer.MAX_VALUE)
                                        .maxNameLength(Integer.MAX_VALUE)
                                        .build())
                        .build();
    }

    EventSpec spec() {
        return spec;
    }

    Result parse(byte[] payload, long ingestMillis) {
        result.reason = null;
        result.detail = null;
        result.columns = null;
        try {
            requireText(payload);
            read(payload);
            requireNotAhead(ingestMillis);
        } catch (Unreadable unreadable) {
            fail(unreadable.reason, unreadable.getMessage());
        } catch (FieldReader.Violation violation) {
            fail("contract_violation", violation.getMessage());
        } catch (StreamConstraintsException error) {
            fail("nesting_too_deep", "more than " + spec.maxDepth + " levels");
        } catch (JsonProcessingException error) {
            fail("invalid_json", said(error) + " at byte " + error.getLocation().getByteOffset());
        } catch (IOException error) {
            fail("invalid_json", String.valueOf(error.getMessage()));
        }
        return result;
    }

    /** What the parser says, without its advice on how to be laxer. */
    private static String said(JsonProcessingException error) {
        return ADVICE.matcher(error.getOriginalMessage()).replaceAll("");
    }

    private void fail(String reason, String detail) {
        result.reason = reason;
        result.detail = detail.length() > MAX_DETAIL ? detail.substring(0, MAX_DETAIL) : detail;
    }

    private void requireText(byte[] payload) throws Unreadable {
        if (payload == null || payload.length == 0) {
            throw new Unreadable("invalid_json", "the message is empty");
        }
        if (payload.length > spec.maxBytes) {
            throw new Unreadable("oversized_event", payload.length + " bytes, at most " + spec.maxBytes);
        }
        if (isAscii(payload)) {
            return;
        }
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(payload));
        } catch (CharacterCodingException error) {
            throw new Unreadable("invalid_utf8", "not UTF-8: " + error.getMessage());
        }
    }

    private static boolean isAscii(byte[] payload) {
        int position = 0;
        for (; position + Long.BYTES <= payload.length; position += Long.BYTES) {
            if (((long) LONGS.get(payload, position) & NON_ASCII) != 0) {
                return false;
            }
        }
        for (; position < payload.length; position++) {
            if (payload[position] < 0) {
                return false;
            }
        }
        return true;
    }

    private void read(byte[] payload) throws IOException, Unreadable, FieldReader.Violation {
        try (JsonParser parser = json.createParser(payload)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new Unreadable("invalid_json", "not a JSON object");
            }
            String first = parser.nextFieldName();
            if ("type".equals(first)) {
                result.type = type(parser);
                readFields(parser, parser.nextFieldName());
                return;
            }
        }
        result.type = findType(payload);
        try (JsonParser parser = json.createParser(payload)) {
            parser.nextToken();
            readFields(parser, parser.nextFieldName());
        }
    }

    /** The type of an event that does not begin with it. */
    private EventSpec.EventType findType(byte[] payload) throws IOException, Unreadable {
        EventSpec.EventType found = null;
        try (JsonParser parser = json.createParser(payload)) {
            parser.nextToken();
            for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
                if ("type".equals(name)) {
                    found = type(parser);
                } else {
                    parser.nextToken();
                    parser.skipChildren();
                }
            }
            requireEnd(parser);
        }
        if (found == null) {
            throw new Unreadable("unknown_type", "there is no field 'type'");
        }
        return found;
    }

    private EventSpec.EventType type(JsonParser parser) throws IOException, Unreadable {
        if (parser.nextToken() != JsonToken.VALUE_STRING) {
            throw new Unreadable("unknown_type", "'type' is not a string");
        }
        EventSpec.EventType type = spec.byValue.get(parser.getText());
        if (type == null) {
            throw new Unreadable("unknown_type", "type is '" + parser.getText() + "'");
        }
        return type;
    }

    private void readFields(JsonParser parser, String first) throws IOException, FieldReader.Violation, Unreadable {
        EventSpec.EventType type = result.type;
        GenericRowData columns = new GenericRowData(type.fields.length);
        long seen = 0;
        for (String name = first; name != null; name = parser.nextFieldName()) {
            EventSpec.Field field = type.byName.get(name);
            JsonToken token = parser.nextToken();
            if (field == null) {
                parser.skipChildren();
                continue;
            }
            if ((seen & (1L << field.position)) != 0) {
                throw new FieldReader.Violation(field, "is given twice");
            }
            seen |= 1L << field.position;
            if (token != JsonToken.VALUE_NULL) {
                columns.setField(field.position, reader.read(field, parser, token));
            }
        }
        requireEnd(parser);
        for (EventSpec.Field field : type.fields) {
            if (field.required && columns.isNullAt(field.position)) {
                throw new FieldReader.Violation(field, "is required");
            }
        }
        result.columns = columns;
        result.idHigh = reader.idHigh;
        result.idLow = reader.idLow;
    }

    private static void requireEnd(JsonParser parser) throws IOException, Unreadable {
        if (parser.currentToken() != JsonToken.END_OBJECT || parser.nextToken() != null) {
            throw new Unreadable("invalid_json", "something follows the JSON object");
        }
    }

    private void requireNotAhead(long ingestMillis) throws Unreadable {
        EventSpec.Field field = result.type.byName.get(spec.eventTime);
        TimestampData eventTime = result.columns.getTimestamp(field.position, 6);
        if (eventTime.getMillisecond() > ingestMillis + spec.maxClockAheadMillis) {
            throw new Unreadable(
                    "event_time_in_future",
                    field.name + " is " + (eventTime.getMillisecond() - ingestMillis) / 1000 + " s after its ingest");
        }
    }
}
