package org.tp4j.device.cuda;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.tp4j.device.Device;

/** Tries pairs of devices in this process, where a test sees what the trial does. */
public final class PeerTrialRun {
    private PeerTrialRun() {}

    /** What a trial of every pair among some devices says. */
    public static String saidAmong(List<Device> devices) {
        return said(PeerPair.among(devices));
    }

    /** Makes copies among some devices go through host memory in two halves. */
    public static void relayAmong(List<Device> devices) {
        for (PeerPair pair : PeerPair.among(devices)) {
            pair.first().peers().take(pair, PeerRoute.relayed("a test"));
        }
    }

    static String said(List<PeerPair> pairs) {
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        PeerTrial.tryAll(pairs, new PrintStream(said, true, StandardCharsets.UTF_8));
        return said.toString(StandardCharsets.UTF_8);
    }
}
