package tradelake;

import java.io.IOException;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.util.Arrays;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonParser;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonToken;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.data.binary.BinaryStringData;

/** Turns one JSON value into its column and holds it against the contract. Works on the parser's own characters. */
final class FieldReader {
    private static final int SHOWN = 60;
    private static final int TIMESTAMP_LENGTH = "2026-01-31T09:30:00.123456Z".length();
    private static final int DATE_LENGTH = "2026-01-31".length();
    private static final long MILLIS_PER_DAY = 86_400_000L;
    private static final int REMEMBERED = 1024;

    /** A value that breaks its contract. */
    static final class Violation extends Exception {
        private static final long serialVersionUID = 1L;

        Violation(EventSpec.Field field, String what) {
            super(field.name + ": " + what, null, false, false);
        }
    }

    /** Strings that matched their field's pattern lately: symbols and codes come again and again. */
    private record Accepted(EventSpec.Field field, char[] text, StringData value) {}

    private final Accepted[] accepted = new Accepted[REMEMBERED];
    private final char[] knownDate = new char[DATE_LENGTH];
    private int knownDay;

    long idHigh;
    long idLow;

    Object read(EventSpec.Field field, JsonParser parser, JsonToken token) throws IOException, Violation {
        if (field.kind == EventSpec.Kind.INTEGER) {
            return integer(field, parser, token);
        }
        if (token != JsonToken.VALUE_STRING) {
            throw new Violation(field, "must be a string, got " + shown(parser));
        }
        char[] text = parser.getTextCharacters();
        int start = parser.getTextOffset();
        int length = parser.getTextLength();
        return switch (field.kind) {
            case ID -> id(field, text, start, length);
            case STRING -> string(field, text, start, length);
            case DECIMAL -> decimal(field, text, start, length);
            case DATE -> date(field, text, start, length);
            case TIMESTAMP -> timestamp(field, text, start, length);
            case INTEGER -> throw new IllegalStateException();
        };
    }

    private static String shown(JsonParser parser) throws IOException {
        return switch (parser.currentToken()) {
            case START_OBJECT -> "an object";
            case START_ARRAY -> "an array";
            default -> shown(parser.getTextCharacters(), parser.getTextOffset(), parser.getTextLength());
        };
    }

    private static String shown(char[] text, int start, int length) {
        String value = new String(text, start, Math.min(length, SHOWN));
        return "'" + value + (length > SHOWN ? "...'" : "'");
    }

    private static Long integer(EventSpec.Field field, JsonParser parser, JsonToken token) throws IOException, Violation {
        if (token != JsonToken.VALUE_NUMBER_INT) {
            throw new Violation(field, "must be an integer, got " + shown(parser));
        }
        if (parser.getTextLength() > 19 || parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER) {
            throw new Violation(field, "is out of range: " + shown(parser));
        }
        long value = parser.getLongValue();
        if (value < field.minimum) {
            throw new Violation(field, "must be at least " + field.minimum + ", got " + value);
        }
        if (value > field.maximum) {
            throw new Violation(field, "must be at most " + field.maximum + ", got " + value);
        }
        return value;
    }

    private StringData id(EventSpec.Field field, char[] text, int start, int length) throws Violation {
        if (length != 32) {
            throw new Violation(field, "must be 32 hexadecimal digits, got " + shown(text, start, length));
        }
        byte[] bytes = new byte[32];
        long high = 0;
        long low = 0;
        for (int i = 0; i < 32; i++) {
            char c = text[start + i];
            int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
            if (digit < 0) {
                throw new Violation(field, "must be 32 hexadecimal digits, got " + shown(text, start, length));
            }
            bytes[i] = (byte) c;
            high = high << 4 | low >>> 60;
            low = low << 4 | digit;
        }
        idHigh = high;
        idLow = low;
        return BinaryStringData.fromBytes(bytes);
    }

    private StringData string(EventSpec.Field field, char[] text, int start, int length) throws Violation {
        if (field.pattern == null) {
            int points = Character.codePointCount(text, start, length);
            if (points < field.minLength || points > field.maxLength) {
                throw new Violation(
                        field, "must have " + field.minLength + " to " + field.maxLength + " characters, has " + points);
            }
            return encode(text, start, length);
        }
        int slot = slot(field, text, start, length);
        Accepted known = accepted[slot];
        if (known != null
                && known.field == field
                && Arrays.equals(known.text, 0, known.text.length, text, start, start + length)) {
            return known.value;
        }
        String value = new String(text, start, length);
        if (!field.pattern.matcher(value).find()) {
            throw new Violation(field, "must match " + field.pattern + ", got " + shown(text, start, length));
        }
        StringData encoded = encode(text, start, length);
        accepted[slot] = new Accepted(field, value.toCharArray(), encoded);
        return encoded;
    }

    private static int slot(EventSpec.Field field, char[] text, int start, int length) {
        int hash = field.position;
        for (int i = start; i < start + length; i++) {
            hash = 31 * hash + text[i];
        }
        return (hash ^ hash >>> 16) & REMEMBERED - 1;
    }

    private static StringData encode(char[] text, int start, int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            char c = text[start + i];
            if (c >= 0x80) {
                return BinaryStringData.fromString(new String(text, start, length));
            }
            bytes[i] = (byte) c;
        }
        return BinaryStringData.fromBytes(bytes);
    }

    private static DecimalData decimal(EventSpec.Field field, char[] text, int start, int length) throws Violation {
        int end = start + length;
        boolean negative = length > 0 && text[start] == '-';
        int at = negative ? start + 1 : start;
        long unscaled = 0;
        int whole = 0;
        for (; at < end && isDigit(text[at]); at++) {
            unscaled = unscaled * 10 + (text[at] - '0');
            if (++whole > field.precision - field.scale) {
                throw notDecimal(field, text, start, length);
            }
        }
        int fraction = 0;
        if (whole > 0 && at + 1 < end && text[at] == '.') {
            for (at++; at < end && isDigit(text[at]); at++) {
                unscaled = unscaled * 10 + (text[at] - '0');
                if (++fraction > field.scale) {
                    throw notDecimal(field, text, start, length);
                }
            }
        }
        if (whole == 0 || at != end) {
            throw notDecimal(field, text, start, length);
        }
        for (; fraction < field.scale; fraction++) {
            unscaled *= 10;
        }
        unscaled = negative ? -unscaled : unscaled;
        if (unscaled < field.minimum || unscaled > field.maximum) {
            throw new Violation(field, "is out of range: " + shown(text, start, length));
        }
        return DecimalData.fromUnscaledLong(unscaled, field.precision, field.scale);
    }

    private static Violation notDecimal(EventSpec.Field field, char[] text, int start, int length) {
        return new Violation(
                field,
                "must be a decimal with at most "
                        + (field.precision - field.scale)
                        + " digits before the point and "
                        + field.scale
                        + " after, got "
                        + shown(text, start, length));
    }

    private Integer date(EventSpec.Field field, char[] text, int start, int length) throws Violation {
        if (length != DATE_LENGTH) {
            throw new Violation(field, "must be a date like 2026-01-31, got " + shown(text, start, length));
        }
        return day(field, text, start, length);
    }

    /** Days since 1970 of the date at {@code start}; the same few dates come again and again. */
    private int day(EventSpec.Field field, char[] text, int start, int length) throws Violation {
        if (Arrays.equals(knownDate, 0, DATE_LENGTH, text, start, start + DATE_LENGTH)) {
            return knownDay;
        }
        try {
            if (text[start + 4] != '-' || text[start + 7] != '-' || digits(text, start, 4) == 0) {
                throw new DateTimeException("not a date");
            }
            int day =
                    (int)
                            LocalDate.of(
                                            digits(text, start, 4),
                                            digits(text, start + 5, 2),
                                            digits(text, start + 8, 2))
                                    .toEpochDay();
            System.arraycopy(text, start, knownDate, 0, DATE_LENGTH);
            knownDay = day;
            return day;
        } catch (DateTimeException error) {
            throw new Violation(field, "has no valid date: " + shown(text, start, length));
        }
    }

    private TimestampData timestamp(EventSpec.Field field, char[] text, int start, int length) throws Violation {
        if (length != TIMESTAMP_LENGTH
                || text[start + 10] != 'T'
                || text[start + 13] != ':'
                || text[start + 16] != ':'
                || text[start + 19] != '.'
                || text[start + 26] != 'Z') {
            throw new Violation(
                    field, "must be a UTC time like 2026-01-31T09:30:00.123456Z, got " + shown(text, start, length));
        }
        int day = day(field, text, start, length);
        try {
            int hour = digits(text, start + 11, 2);
            int minute = digits(text, start + 14, 2);
            int second = digits(text, start + 17, 2);
            int micros = digits(text, start + 20, 6);
            if (hour > 23 || minute > 59 || second > 59) {
                throw new DateTimeException("time of day");
            }
            long millis = day * MILLIS_PER_DAY + ((hour * 60L + minute) * 60 + second) * 1000 + micros / 1000;
            return TimestampData.fromEpochMillis(millis, micros % 1000 * 1000);
        } catch (DateTimeException error) {
            throw new Violation(field, "has no valid time of day: " + shown(text, start, length));
        }
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }

    private static int digits(char[] text, int start, int count) {
        int value = 0;
        for (int i = start; i < start + count; i++) {
            if (!isDigit(text[i])) {
                throw new DateTimeException("not a digit");
            }
            value = value * 10 + (text[i] - '0');
        }
        return value;
    }
}
