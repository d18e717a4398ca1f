package org.tp4j.comm;

import java.util.List;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.ReadGuard;
import org.tp4j.device.Scope;
import org.tp4j.device.Stream;

/**
 * Where a rank lays a copy of a small matrix open to its peers. A copy replaces the one of the collective before the last:
 * every peer has enqueued its reading of that, because it has arrived at the last collective since. Copies of one shape
 * lie in the same matrix, so that peers find all but the elements in their caches.
 */
final class Staging {
    private final Scope scope;
    private final ReadGuard peers;
    private List<DeviceMatrix> even = List.of();
    private List<DeviceMatrix> odd = List.of();

    /**
     * Nothing staged yet.
     *
     * @param scope what copies live in: the run's
     * @param peers who reads them
     */
    Staging(Scope scope, ReadGuard peers) {
        this.scope = scope;
        this.peers = peers;
    }

    /** A copy of {@code matrix} for the collective with this sequence number, made when peers have read the one before. */
    List<DeviceMatrix> copyOf(DeviceMatrix matrix, long sequence, Stream stream) {
        boolean isEven = sequence % 2 == 0;
        List<DeviceMatrix> copy = isEven ? even : odd;
        if (copy.isEmpty() || !haveOneForm(copy.get(0), matrix)) {
            copy.forEach(scope::release);
            DeviceMatrix made = scope.allocate(matrix.dtype(), matrix.rows(), matrix.columns());
            made.block().guardBy(peers);
            copy = List.of(made);
            if (isEven) {
                even = copy;
            } else {
                odd = copy;
            }
        } else {
            peers.await(stream);
        }
        stream.copy(matrix, copy.get(0));
        return copy;
    }

    private static boolean haveOneForm(DeviceMatrix copy, DeviceMatrix matrix) {
        return copy.dtype() == matrix.dtype() && copy.rows() == matrix.rows() && copy.columns() == matrix.columns();
    }
}
