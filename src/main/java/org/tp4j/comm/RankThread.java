package org.tp4j.comm;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Collectors;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceException;
import org.tp4j.device.Event;
import org.tp4j.device.ScopeStack;
import org.tp4j.device.Stream;

/** The one thread that enqueues on a rank's stream, with what lives as long as the world: stream, scopes, events. */
final class RankThread {
    private static final System.Logger LOG = System.getLogger(RankThread.class.getName());

    /** Longer than any rank is waited for. */
    private static final Duration SETTLING_LIMIT = Duration.ofHours(1);

    /** The classes between a rank's thread and the caller's code, and between that and the JVM's. */
    private static final Set<String> OWN = java.util.stream.Stream.of(
                    RankThread.class, World.class, Rank.class, Communicator.class, Meeting.class, Run.class)
            .map(Class::getName)
            .collect(Collectors.toUnmodifiableSet());

    private final int rank;
    private final Device device;
    private final BlockingQueue<Runnable> tasks = new LinkedBlockingQueue<>();
    private final Thread thread;
    private final List<Event> events = new ArrayList<>();
    private int eventsInUse;
    private volatile Optional<Stream> stream = Optional.empty();
    private volatile Optional<ScopeStack> scopes = Optional.empty();
    private volatile Optional<Seat> seat = Optional.empty();
    private volatile boolean stopping;
    private volatile boolean abandoned;

    /** A rank's place in the group that it used last. */
    private record Seat(Meeting meeting, int member) {}

    private RankThread(int rank, Device device) {
        this.rank = rank;
        this.device = device;
        this.thread = new Thread(this::work, "tp4j-rank-" + rank);
        thread.setDaemon(true);
        thread.start();
    }

    /**
     * The threads of so many ranks, bound to the devices in turn.
     *
     * @throws OutOfThreadsException if the system refuses one; none is left then
     */
    static List<RankThread> start(int ranks, List<Device> devices) {
        List<RankThread> started = new ArrayList<>(ranks);
        try {
            for (int rank = 0; rank < ranks; rank++) {
                started.add(new RankThread(rank, devices.get(rank % devices.size())));
            }
            return List.copyOf(started);
        } catch (OutOfMemoryError e) {
            started.forEach(RankThread::stop);
            if (OutOfThreadsException.isMeantBy(e)) {
                throw new OutOfThreadsException(started.size(), ranks, e);
            }
            throw e;
        }
    }

    int rank() {
        return rank;
    }

    Device device() {
        return device;
    }

    boolean isCurrent() {
        return Thread.currentThread() == thread;
    }

    boolean isAbandoned() {
        return abandoned;
    }

    /** Opens the stream; on the rank's thread. */
    void openStream() {
        Stream opened = device.openStream();
        stream = Optional.of(opened);
        scopes = Optional.of(new ScopeStack(opened));
    }

    /** Releases what was loaded and frees the stream and events; on the rank's thread. */
    void closeStream() {
        scopes.ifPresent(ScopeStack::close);
        for (Event event : events) {
            event.close();
        }
        events.clear();
        stream.ifPresent(Stream::close);
        stream = Optional.empty();
    }

    /**
     * Waits until the device has done all that this rank gave it: only then do its peers' memory and its own have no
     * reader left. No interrupt ends this; a rank that waits too long is abandoned. On the rank's thread.
     *
     * @throws DeviceException if the device failed
     */
    void settle() {
        boolean again = true;
        while (again) {
            clearInterrupt();
            try {
                stream().synchronize(SETTLING_LIMIT);
                again = false;
            } catch (DeviceException e) {
                if (!Thread.currentThread().isInterrupted()) {
                    throw e;
                }
            }
        }
    }

    /** Forgets that somebody wanted this rank to stop waiting for others. */
    private void clearInterrupt() {
        if (Thread.interrupted()) {
            LOG.log(System.Logger.Level.DEBUG, "rank {0} was interrupted", rank);
        }
    }

    ScopeStack scopes() {
        return scopes.orElseThrow();
    }

    Stream stream() {
        return stream.orElseThrow();
    }

    void submit(Runnable task) {
        tasks.add(task);
    }

    void interrupt() {
        thread.interrupt();
    }

    /**
     * Gives the thread up for now: whatever its run does next is refused, and its memory stays as it is, until it returns
     * and rejoins.
     *
     * @return done, on the thread, when it has
     */
    CompletableFuture<Void> abandon() {
        abandoned = true;
        scopes.ifPresent(ScopeStack::abandon);
        CompletableFuture<Void> returned = new CompletableFuture<>();
        tasks.add(() -> {
            clearInterrupt();
            scopes.ifPresent(ScopeStack::rejoin);
            abandoned = false;
            returned.complete(null);
        });
        return returned;
    }

    /** Lets the thread end when it has done what was submitted. */
    void stop() {
        stopping = true;
        tasks.add(() -> {}); // wakes the thread, which then sees that it is to stop
    }

    void awaitEnd(long millis) throws InterruptedException {
        thread.join(millis);
    }

    /** Makes the events of earlier runs free for use again; only between runs. */
    void recycleEvents() {
        eventsInUse = 0;
    }

    /** An event for this run; on the rank's thread. */
    Event event() {
        if (eventsInUse == events.size()) {
            events.add(device.createEvent());
        }
        return events.get(eventsInUse++);
    }

    void enter(Meeting meeting, int member) {
        Optional<Seat> last = seat;
        if (last.isEmpty() || last.get().meeting() != meeting) {
            seat = Optional.of(new Seat(meeting, member));
        }
    }

    void leave() {
        seat = Optional.empty();
    }

    Whereabouts whereabouts() {
        return seat.map(place -> place.meeting().whereabouts(place.member()))
                .orElse(new Whereabouts(Operation.BARRIER, 0, "world", false));
    }

    String describe() {
        return "rank " + rank + " (" + whereabouts() + line() + ")";
    }

    /** The line of the caller's code that the thread is at. */
    private String line() {
        for (StackTraceElement frame : thread.getStackTrace()) {
            String type = frame.getClassName();
            boolean library = type.startsWith("java.") || type.startsWith("jdk.") || type.startsWith("sun.");
            if (!library && !isOwn(type)) {
                return ", now at " + frame;
            }
        }
        return "";
    }

    /** Whether a class is one of {@link #OWN}, or written inside one. */
    private static boolean isOwn(String type) {
        int nested = type.indexOf('$');
        return OWN.contains(nested < 0 ? type : type.substring(0, nested));
    }

    private void work() {
        while (!stopping || !tasks.isEmpty()) {
            try {
                tasks.take().run();
            } catch (InterruptedException e) {
                LOG.log(System.Logger.Level.DEBUG, "rank {0} was interrupted late, for a run that is over", rank);
            }
        }
    }
}
