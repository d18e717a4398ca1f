package org.tp4j.comm;

import java.util.List;
import org.tp4j.device.Scope;

/**
 * What {@link World#load} made: one value per rank, kept on the devices until this is closed, or the world is.
 *
 * @param <T> the values' type
 */
public final class PerRank<T> implements AutoCloseable {
    private final World world;
    private final List<T> values;
    private final List<Scope> scopes;

    PerRank(World world, List<T> values, List<Scope> scopes) {
        this.world = world;
        this.values = values;
        this.scopes = scopes;
    }

    /** The value of one rank, also of one that is {@linkplain Rank#in seen in a smaller group}; for use on its thread. */
    public T on(Rank rank) {
        return values.get(rank.worldRank());
    }

    /** Releases every rank's matrices; a second call does nothing. */
    @Override
    public void close() {
        world.closeScopes(scopes);
    }
}
