package org.tp4j.comm;

/**
 * What each rank does.
 *
 * @param <T> what it gives back
 */
@FunctionalInterface
public interface RankFunction<T> {
    /** Runs on the thread of {@code rank}. */
    T apply(Rank rank) throws Exception;
}
