package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tp4j.device.ChildProcess;

/** What a child says before it ends, or is killed, is understood; and what it could not make, it does not touch. */
@Tag("emulated")
class PeerTrialsTest {
    private List<PeerPair> pairs;

    @BeforeEach
    void probe() {
        pairs = PeerPair.among(new CudaBackend().probe().devices());
        assumeTrue(!pairs.isEmpty(), "there is one device: there are no pairs");
    }

    /** A trial in this process ends peer access, which other tests' devices have connected. */
    @AfterEach
    void noMoreFaults() {
        Emulator.configure("faults=none");
        Emulator.configure("peers=all");
        pairs.forEach(PeerPair::enable);
    }

    @Test
    void aChildThatDiesAccessingMakesItsPairStaged() {
        assertEquals(
                Map.of(pairs.get(0), PeerRoute.staged("the process that tried ended with status 134")),
                found("ended with status 134", "STAGING 0-1", "noise", "ACCESSING 0-1"));
    }

    @Test
    void aChildThatHangsWithoutAccessMakesItsPairRelayed() {
        assertEquals(
                Map.of(
                        pairs.get(0),
                        PeerRoute.relayed("the process that tried did not end within 21 s without peer access")),
                found("did not end within 21 s", "STAGING 0-1"));
    }

    @Test
    void aChildThatEndsBetweenPairsBlamesNone() {
        assertEquals(
                Map.of(pairs.get(0), PeerRoute.direct("tried")),
                found("ended with status 1", "STAGING 0-1", "ACCESSING 0-1", "FOUND 0-1 DIRECT tried"));
    }

    @Test
    void whatLooksLikeAnAnswerButIsNoneIsPassedOver() {
        assertEquals(
                Map.of(),
                found("ended with status 0", "FOUND", "FOUND 0-1", "FOUND 0-1 FAST tried", "FOUND 7-9 STAGED x"));
    }

    @Test
    void aChildThatSaysNothingBlamesNone() {
        PeerTrials trials = new PeerTrials(Path.of("."));
        ChildProcess.Ended ended = new ChildProcess.Ended("ended with status 1", List.of(), "no such class");
        assertEquals(
                "the process that tries ended with status 1: no such class",
                trials.read(pairs, ended).orElseThrow());
        assertEquals(Map.of(), trials.found());
    }

    private Map<PeerPair, PeerRoute> found(String end, String... lines) {
        PeerTrials trials = new PeerTrials(Path.of("."));
        trials.read(pairs, new ChildProcess.Ended(end, List.of(lines), end));
        return trials.found();
    }

    @Test
    void aTrialLeavesNothing() {
        String said = PeerTrialRun.said(pairs.subList(0, 1));
        assertEquals("STAGING 0-1\nACCESSING 0-1\nFOUND 0-1 DIRECT tried\n", said);
    }

    /** The emulator reports a handle that is not alive, and leaves garbage in those that it did not make. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "cuDevicePrimaryCtxRetain:1",
                "cuDevicePrimaryCtxRetain:2",
                "cuStreamCreate@0:1",
                "cuStreamCreate@1:1",
                "cuMemAlloc@0:1",
                "cuMemAlloc@1:1",
                "cuMemHostAlloc@0:1",
                "cuMemHostAlloc@1:1",
                "cuModuleLoadDataEx@0:1",
                "cuModuleGetFunction@1:1",
                "cuLaunchKernel@0:1"
            })
    @Tag("leaves-memory")
    void aTrialThatIsRefusedSomethingDoesNotTouchIt(String call) {
        Emulator.configure("fault=" + call + ":2");
        String said = PeerTrialRun.said(pairs.subList(0, 1));
        assertTrue(said.matches("REFUSED .*(failed with|gives no context).*\n"), said);
    }
}
