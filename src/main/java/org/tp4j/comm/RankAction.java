package org.tp4j.comm;

/** What each rank does, without a result. */
@FunctionalInterface
public interface RankAction {
    /** Runs on the thread of {@code rank}. */
    void accept(Rank rank) throws Exception;
}
