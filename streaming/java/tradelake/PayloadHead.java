package tradelake;

import java.util.Arrays;
import org.apache.flink.table.functions.ScalarFunction;

/** SQL function {@code payload_head(payload, most)}: at most the first {@code most} bytes of a payload. */
public class PayloadHead extends ScalarFunction {
    private static final long serialVersionUID = 1L;

    public byte[] eval(byte[] payload, Integer most) {
        return payload == null || payload.length <= most ? payload : Arrays.copyOf(payload, most);
    }
}
