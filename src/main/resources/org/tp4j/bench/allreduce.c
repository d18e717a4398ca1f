/*
 * The all-reduce of Open MPI, timed as tp4j times its own: every rank fills its buffer, all-reduces it into another one,
 * and reads that. Filling and reading go by pieces through memory that stays in the cache, so that each costs one pass
 * over the buffer, on both sides.
 *
 * Rank 0 answers each line "ELEMENTS CYCLES" on standard input with the seconds per cycle. The other ranks sleep between
 * two looks for work, because ranks that spin would slow down whoever is measured in between.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PIECE = 16384, WORK = 1 }; /* elements of a piece; tag of a message */

static float pieces[2][PIECE]; /* what is filled in, in turn */
static float seen[PIECE];

static void fail(const char *what)
{
    printf("error: %s\n", what);
    fflush(stdout);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static void fill(float *buffer, long count, const float *piece)
{
    for (long at = 0; at < count; at += PIECE) {
        memcpy(buffer + at, piece, sizeof(float) * (size_t) (count - at < PIECE ? count - at : PIECE));
    }
}

static void check(const float *buffer, long count, float expected)
{
    for (long at = 0; at < count; at += PIECE) {
        long length = count - at < PIECE ? count - at : PIECE;
        memcpy(seen, buffer + at, sizeof(float) * (size_t) length);
        if (*(volatile float *) &seen[length - 1] != expected) {
            fail("a sum is wrong");
        }
    }
}

static double measure(int ranks, long count, long cycles)
{
    float *part = aligned_alloc(256, (sizeof(float) * (size_t) count + 255) / 256 * 256);
    float *sum = aligned_alloc(256, (sizeof(float) * (size_t) count + 255) / 256 * 256);
    if (!part || !sum) {
        fail("there is no memory for the buffers");
    }
    double start = 0;
    for (long cycle = -1 - cycles / 8; cycle < cycles; cycle++) { /* the first ones are not timed */
        if (cycle == 0) {
            MPI_Barrier(MPI_COMM_WORLD);
            start = MPI_Wtime();
        }
        int turn = (int) (cycle & 1);
        fill(part, count, pieces[turn]);
        MPI_Allreduce(part, sum, (int) count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
        check(sum, count, (float) (ranks * (ranks + 1) / 2 + turn * ranks));
    }
    double seconds = (MPI_Wtime() - start) / (double) cycles;
    free(part);
    free(sum);
    return seconds;
}

static int next_work(int rank, int ranks, long work[2])
{
    if (rank == 0) {
        if (scanf("%ld %ld", &work[0], &work[1]) != 2) {
            work[0] = work[1] = 0;
        }
        for (int peer = 1; peer < ranks; peer++) {
            MPI_Send(work, 2, MPI_LONG, peer, WORK, MPI_COMM_WORLD);
        }
    } else {
        const struct timespec nap = {0, 200000};
        int there = 0;
        for (;;) {
            MPI_Iprobe(0, WORK, MPI_COMM_WORLD, &there, MPI_STATUS_IGNORE);
            if (there) {
                break;
            }
            nanosleep(&nap, NULL);
        }
        MPI_Recv(work, 2, MPI_LONG, 0, WORK, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    return work[1] > 0;
}

int main(int argc, char **argv)
{
    int rank, ranks, length;
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
    long work[2];

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Get_library_version(version, &length);
    version[strcspn(version, ",\n")] = 0;
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < PIECE; i++) {
            pieces[turn][i] = (float) (rank + 1 + turn);
        }
    }
    if (rank == 0) {
        printf("%s\n", version);
        fflush(stdout);
    }
    while (next_work(rank, ranks, work)) {
        double seconds = measure(ranks, work[0], work[1]);
        if (rank == 0) {
            printf("%.9e\n", seconds);
            fflush(stdout);
        }
    }
    MPI_Finalize();
    return 0;
}
