"""Runs the command line on a weight larger than the Java heap, and measures the memory that it takes.

    python3 src/test/python/large_file.py [--jar target/tp4j.jar] [--gib 3]

Needs Python 3.9, NumPy, and that much disk in $TMPDIR and memory. Ends with 1 if a result is wrong or the resident peak
is over 1.3 times the bytes of inputs and outputs.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

INPUTS = 32768
TOKENS = 16
BLOCK = 1024
MOST = 1.3


def make(folder, outputs):
    """Integers small enough that every sum is exact in f32; returns x W^T."""
    rng = np.random.default_rng(3)
    x = rng.integers(-2, 3, (TOKENS, INPUTS)).astype(np.float32)
    w = np.lib.format.open_memmap(folder / "w.npy", "w+", np.float32, (outputs, INPUTS))
    y = np.empty((TOKENS, outputs), np.float32)
    for start in range(0, outputs, BLOCK):
        rows = rng.integers(-2, 3, (min(BLOCK, outputs - start), INPUTS)).astype(np.float32)
        w[start : start + BLOCK] = rows
        y[:, start : start + BLOCK] = x @ rows.T
    w.flush()
    np.save(folder / "x.npy", x)
    return y


def peak(command):
    """Standard output and the largest resident memory, in bytes, of a command."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(command)} ended with status {status}")
    return output, usage.ru_maxrss * 1024


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--jar", default="target/tp4j.jar")
    options.add_argument("--gib", type=float, default=3)
    given = options.parse_args()
    outputs = int(given.gib * 2**30) // (4 * INPUTS)
    failed = False
    with tempfile.TemporaryDirectory(prefix="tp4j-large-") as temporary:
        folder = pathlib.Path(temporary)
        # In another process: a child's peak begins with its parent's.
        with concurrent.futures.ProcessPoolExecutor(1) as pool:
            expected = pool.submit(make, folder, outputs).result()
        payload = 4 * (TOKENS * INPUTS + outputs * INPUTS + TOKENS * outputs)
        for command in ["column", "row"]:
            for ranks in [1, 2, 3]:
                out = folder / "y.npy"
                line = ["java", "-Xmx512m", "-jar", given.jar, command, "--json", "--ranks", str(ranks)]
                line += ["--x", str(folder / "x.npy"), "--w", str(folder / "w.npy"), "--out", str(out)]
                said, resident = peak(line)
                right = np.array_equal(np.load(out), expected)
                failed |= not right or resident > MOST * payload
                print(
                    f"{command}, {ranks} ranks: {'right' if right else 'WRONG'}, {json.loads(said)['seconds']:.2f} s, "
                    f"resident peak {resident / 2**20:.0f} MiB, {resident / payload:.2f} x inputs and outputs",
                    flush=True,
                )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
