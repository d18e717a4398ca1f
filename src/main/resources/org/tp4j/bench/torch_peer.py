"""Times y = x W^T in PyTorch on the first CUDA device, for a benchmark that asks on standard input and reads on standard
output.

prepare DTYPE TOKENS IN OUT   makes x and W, answers "ready VERSION, DEVICE"
run N                         multiplies N times, answers the nanoseconds of one product
"""

import sys
import time

try:
    import torch
except ImportError:
    print("error: this Python has no PyTorch, install it or name another Python", flush=True)
    sys.exit(1)

if not torch.cuda.is_available():
    print("error: this Python's PyTorch finds no CUDA device", flush=True)
    sys.exit(1)

DTYPES = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32, "f64": torch.float64}


def main():
    torch.backends.cuda.matmul.allow_tf32 = False
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "prepare":
            dtype = DTYPES[arguments[0]]
            tokens, inputs, outputs = map(int, arguments[1:])
            torch.manual_seed(1)
            x = torch.rand((tokens, inputs), device="cuda").sub_(0.5).to(dtype)
            w = torch.rand((outputs, inputs), device="cuda").sub_(0.5).to(dtype)
            y = torch.zeros((tokens, outputs), device="cuda", dtype=dtype)
            print("ready", torch.__version__ + ", " + torch.cuda.get_device_name(), flush=True)
        elif command == "run":
            repeats = int(arguments[0])
            torch.cuda.synchronize()
            start = time.perf_counter_ns()
            for _ in range(repeats):
                torch.mm(x, w.t(), out=y)
            torch.cuda.synchronize()
            print((time.perf_counter_ns() - start) / repeats, flush=True)


main()
