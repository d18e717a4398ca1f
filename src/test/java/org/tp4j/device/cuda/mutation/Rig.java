package org.tp4j.device.cuda.mutation;

import java.util.List;
import java.util.stream.Stream;
import org.tp4j.device.Device;
import org.tp4j.device.cuda.CudaBackend;
import org.tp4j.device.cuda.Emulator;
import org.tp4j.device.cuda.PeerTrialRun;

/** The emulated devices of one kind of machine, which are made anew when a mutant has damaged them. */
final class Rig {
    private static final List<String> COUNTED =
            List.of("streams", "events", "handles", "allocations", "pinned", "dead");

    /** How devices exchange bytes. */
    enum Peers {
        DIRECT,
        STAGED,
        RELAYED
    }

    private final Peers peers;
    private List<Device> devices = List.of();
    private List<Long> whole = List.of();

    Rig(Peers peers) {
        this.peers = peers;
        renew();
    }

    /** So many of its devices. */
    List<Device> devices(int count) {
        return devices.subList(0, count);
    }

    /** Lets everything end that a run left unfinished, and mends what it broke; what the emulator found in it. */
    String settle() {
        Emulator.configure("run=all");
        String reports = Emulator.takeReports();
        if (!counts().equals(whole)) {
            renew();
        }
        return reports;
    }

    private void renew() {
        Emulator.configure("restart=now");
        System.setProperty(
                "tp4j.cuda.peers", peers == Peers.DIRECT ? "trust" : "off"); // a trial is a scenario of its own
        devices = List.copyOf(new CudaBackend().probe().devices());
        devices.forEach(Device::examine); // connects all pairs, and loads each device's kernels
        if (peers == Peers.RELAYED) {
            PeerTrialRun.relayAmong(devices);
        }
        whole = counts();
        Emulator.takeReports();
    }

    private static List<Long> counts() {
        return Stream.concat(COUNTED.stream(), Stream.of("reports"))
                .map(Emulator::count)
                .toList();
    }

    @Override
    public String toString() {
        return peers.name();
    }
}
