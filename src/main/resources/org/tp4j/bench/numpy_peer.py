"""Times y = x W^T in NumPy for a benchmark that asks on standard input and reads on standard output.

prepare DTYPE TOKENS IN OUT   makes x and W, answers "ready VERSION"
run N                         multiplies N times, answers the nanoseconds of one product
"""

import sys
import time

try:
    import numpy as np
except ImportError:
    print("error: this Python has no NumPy, install it or name another Python", flush=True)
    sys.exit(1)

DTYPES = {"f32": np.float32, "f64": np.float64}


def main():
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "prepare":
            dtype = DTYPES[arguments[0]]
            tokens, inputs, outputs = map(int, arguments[1:])
            random = np.random.default_rng(1)
            x = random.random((tokens, inputs), dtype=dtype) - dtype(0.5)
            w = random.random((outputs, inputs), dtype=dtype) - dtype(0.5)
            y = np.zeros((tokens, outputs), dtype=dtype)
            print("ready", np.__version__, flush=True)
        elif command == "run":
            repeats = int(arguments[0])
            start = time.perf_counter_ns()
            for _ in range(repeats):
                np.matmul(x, w.T, out=y)
            print((time.perf_counter_ns() - start) / repeats, flush=True)


main()
