package org.tp4j.device;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A device's memory, and what the {@linkplain BlockCache caches} of its streams share: the account of what is in use, and
 * the blocks of closed streams that peers may still read.
 *
 * @param <B> the backend's blocks
 */
public abstract class BlockStore<B extends Block> {
    /** How long memory that is to be freed may stay in use. */
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private final Set<AtomicLong> accounts = ConcurrentHashMap.newKeySet();
    private final Queue<B> quarantine = new ConcurrentLinkedQueue<>();

    protected BlockStore() {}

    /**
     * A new block of {@code bytes} bytes.
     *
     * @throws OutOfDeviceMemoryException if there is no memory left
     */
    protected abstract B allocate(long bytes);

    /** Frees a block that nothing uses or will use. */
    protected abstract void free(B block);

    /** Bytes of the matrices that are not yet released, on all streams. */
    public final long liveBytes() {
        return accounts.stream().mapToLong(AtomicLong::get).sum();
    }

    /** The account of one stream's matrices. */
    final AtomicLong openAccount() {
        AtomicLong account = new AtomicLong();
        accounts.add(account);
        return account;
    }

    /** Forgets the account of a stream that closed, unless it still counts something. */
    final void closeAccount(AtomicLong account) {
        if (account.get() == 0) {
            accounts.remove(account);
        }
    }

    /** Frees those of {@code blocks} that no peer will read, once {@code stream} and their readers are done; gives back the rest. */
    final List<B> freeUnread(Stream stream, List<B> blocks) {
        List<B> unread = new ArrayList<>();
        List<B> rest = new ArrayList<>();
        for (B block : blocks) {
            (block.isUnread() ? unread : rest).add(block);
        }
        if (!unread.isEmpty()) {
            for (B block : unread) {
                block.awaitReaders(stream);
            }
            stream.synchronize(LIMIT);
            unread.forEach(this::free);
        }
        return rest;
    }

    /** Keeps blocks of a closing stream until nothing uses them. */
    final void quarantine(List<B> blocks) {
        quarantine.addAll(blocks);
    }

    /** Frees what is no longer used of the streams that closed before. */
    final void freeQuarantined(Stream stream) {
        List<B> blocks = new ArrayList<>();
        for (Optional<B> block = next(); block.isPresent(); block = next()) {
            blocks.add(block.get());
        }
        quarantine.addAll(freeUnread(stream, blocks));
    }

    private Optional<B> next() {
        return Optional.ofNullable(quarantine.poll());
    }
}
