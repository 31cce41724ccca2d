package tradelake;

import org.apache.flink.table.functions.ScalarFunction;

/** SQL function {@code payload_bytes(payload)}: how many bytes a payload has. */
public class PayloadBytes extends ScalarFunction {
    private static final long serialVersionUID = 1L;

    public Long eval(byte[] payload) {
        return payload == null ? 0L : (long) payload.length;
    }
}
