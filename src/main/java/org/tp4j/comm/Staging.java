package org.tp4j.comm;

import java.util.List;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.ReadGuard;
import org.tp4j.device.Scope;
import org.tp4j.device.Stream;

/**
 * Where a rank lays copies of small matrices open to its peers: two places, in turn. A copy replaces the one before the
 * last, which every peer has enqueued its reading of, because it has arrived at the last collective since. Copies of one
 * shape lie in the same memory, so that peers have all but the elements in their caches.
 */
final class Staging {
    private final Meeting meeting;
    private final int me;
    private final Scope scope;
    private final Place[] places = new Place[2];

    /**
     * Nothing yet.
     *
     * @param scope what the copies live in
     */
    Staging(Meeting meeting, int me, Scope scope) {
        this.meeting = meeting;
        this.me = me;
        this.scope = scope;
    }

    /**
     * A copy of {@code matrix} for the collective of this number, made behind the reading of the one that it replaces; of
     * no elements, the matrix itself.
     */
    List<DeviceMatrix> copyOf(DeviceMatrix matrix, long sequence, Stream stream) {
        if (matrix.byteSize() == 0) {
            return List.of(matrix);
        }
        int turn = (int) (sequence & 1);
        Place place = places[turn];
        if (place != null && place.fits(matrix)) {
            place.await(stream);
        } else {
            if (place != null) {
                scope.release(place.copy);
            }
            place = new Place(scope.allocate(matrix.dtype(), matrix.rows(), matrix.columns()));
            places[turn] = place;
        }
        stream.copy(matrix, place.copy);
        place.sequence = sequence;
        return place.sources;
    }

    /** Memory of a copy, and who reads it: the peers, in the collective of the latest copy and in those before. */
    private final class Place implements ReadGuard {
        final DeviceMatrix copy;
        final List<DeviceMatrix> sources;
        long sequence;

        Place(DeviceMatrix copy) {
            this.copy = copy;
            this.sources = List.of(copy);
            copy.block().guardBy(this);
        }

        boolean fits(DeviceMatrix matrix) {
            return copy.dtype() == matrix.dtype() && copy.rows() == matrix.rows() && copy.columns() == matrix.columns();
        }

        @Override
        public boolean enqueued() {
            return meeting.havePeersFinished(me, sequence);
        }

        @Override
        public void await(Stream stream) {
            meeting.awaitPeers(me, sequence, stream);
        }

        @Override
        public boolean covers(ReadGuard earlier) {
            return false;
        }
    }
}
