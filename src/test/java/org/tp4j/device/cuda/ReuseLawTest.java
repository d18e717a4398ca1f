package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.tp4j.device.Block;
import org.tp4j.device.DeviceKind;
import org.tp4j.tensor.DType;
import org.tp4j.verify.Law;
import org.tp4j.verify.LawResult;
import org.tp4j.verify.Verification;

/** What verify says of a machine on which memory is used again before its readers are done. */
@Tag("emulated")
class ReuseLawTest {
    /** Verifies, without any wait for the readers of memory that is used again, and prints which laws break how often. */
    public static final class WithoutAwaitingReaders {
        private WithoutAwaitingReaders() {}

        /** {@code drop} the waits, or {@code keep} them. */
        public static void main(String[] arguments) {
            new CudaBackend().probe(); // loads the driver
            Emulator.configure("schedule=lazy");
            if (arguments[0].equals("drop")) {
                Emulator.dropWhere(call -> awaitsReaders());
            }
            Map<Law, Integer> broken = new EnumMap<>(Law.class);
            new Verification(DeviceKind.CUDA, List.of(2, 3), List.of(DType.F32), 1)
                    .run(result -> count(result, broken));
            System.out.println("broken: " + broken.keySet());
        }

        private static boolean awaitsReaders() {
            return StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE)
                    .walk(frames -> frames.anyMatch(frame -> frame.getDeclaringClass() == Block.class
                            && frame.getMethodName().equals("awaitReaders")));
        }

        private static void count(LawResult result, Map<Law, Integer> broken) {
            if (!result.passed()) {
                broken.merge(result.law(), 1, Integer::sum);
            }
        }
    }

    @Test
    void collectivesInARowNeedTheWaitsForReaders() throws Exception {
        assertEquals("broken: []", broken("keep"));
        assertEquals("broken: [COLLECTIVES_IN_A_ROW]", broken("drop"));
    }

    private static String broken(String choice) throws Exception {
        String output = new JavaProcess(WithoutAwaitingReaders.class)
                .emulated()
                .arguments(choice)
                .output();
        return output.lines().reduce((first, second) -> second).orElseThrow();
    }
}
