"""Runs the command line on files that NumPy makes, and judges it by NumPy.

    python3 src/test/python/cli_blackbox.py [--jar target/tp4j.jar] [--java java] [--cases 36] [--seed S]

Needs Python 3.9 and NumPy. Ends with 0 if everything held, else with 1 after naming what did not.
"""

import argparse
import concurrent.futures
import json
import math
import os
import pathlib
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np

UNIT_ROUNDOFF = {"f64": 2.0**-53, "f32": 2.0**-24, "f16": 2.0**-11, "bf16": 2.0**-8}
SMALLEST = {"f64": 2.0**-1074, "f32": 2.0**-149, "f16": 2.0**-24, "bf16": 2.0**-133}
PRECISION = {"f64": 53, "f32": 24, "f16": 11, "bf16": 8}
NUMPY = {"f64": np.float64, "f32": np.float32, "f16": np.float16}
COLLECTIVES = {"column": {"all_gather": 1}, "row": {"all_reduce": 1}, "mlp": {"all_reduce": 1}}
KEYS = ["command", "device", "world_size", "dtype", "weight_layout", "shape", "collectives", "bytes_moved", "seconds"]
CHECK_KEYS = ["max_abs_error", "max_error_over_bound", "bitwise_equal", "passed"]
LIPSCHITZ = {"relu": 1.0, "gelu": 1.13, "gelu-tanh": 1.13, "silu": 1.10, "none": 1.0}
TIMEOUT_SECONDS = 300


class Wrong(Exception):
    """What did not hold."""


def require(holds, what):
    if not holds:
        raise Wrong(what)


# ---- files ----


def to_bf16(values):
    """Bit patterns of the nearest bfloat16, ties to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def from_bf16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def write_safetensors(path, tensors):
    """{name: (dtype, array)} as a .safetensors file."""
    header, data = {}, b""
    for name, (dtype, array) in tensors.items():
        raw = array.tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def npy_bytes(header, data=b"", version=(1, 0)):
    """An .npy file with a header of our own."""
    text = header.encode("latin1")
    text += b" " * (-(10 + len(text) + 1) % 64) + b"\n"
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H", len(text)) + text + data


# ---- the program under test ----


class Program:
    """The runnable jar, with what is told to the JVM and the variables that every run gets besides ours."""

    def __init__(self, java, jar, settings=(), variables=None):
        self.command = [java, *settings, "-jar", str(jar)]
        self.environment = {**os.environ, **(variables or {})}

    def run(self, *arguments, **how):
        return subprocess.run(
            self.command + [str(a) for a in arguments],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            env=self.environment,
            **how,
        )

    def start(self, *arguments):
        return subprocess.Popen(
            self.command + [str(a) for a in arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )


def require_sentence(stderr):
    lines = stderr.strip().splitlines()
    require(len(lines) == 1, f"standard error is not one line: {stderr!r}")
    require(lines[0].startswith("tp4j: "), f"standard error does not begin with 'tp4j: ': {stderr!r}")
    require("Exception" not in stderr and "\tat " not in stderr, f"standard error shows Java's insides: {stderr!r}")


# ---- the reference ----


def gamma(n, dtype):
    """The error bound of n operations, with twice the accumulator's unit roundoff: any order, any blocking."""
    u = 2 * UNIT_ROUNDOFF["f64" if dtype == "f64" else "f32"]
    return n * u / (1 - n * u)


def wide(array):
    return array.astype(np.longdouble)


def apply(name, z):
    z = z.astype(np.float64)
    if name == "none":
        return z
    if name == "relu":
        return np.maximum(z, 0)
    if name == "silu":
        return z / (1 + np.exp(-z))
    if name == "gelu":
        return 0.5 * z * (1 + np.vectorize(math.erf, otypes=[float])(z / math.sqrt(2)))
    return 0.5 * z * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))


def linear(x, w, b, ranks, dtype):
    """y = x W^T + b and how far a right answer may lie from it; w is (out, in)."""
    y = wide(x) @ wide(w).T + wide(b)
    magnitude = wide(np.abs(x)) @ wide(np.abs(w)).T + wide(np.abs(b))
    n = x.shape[1] + ranks + 2
    return y, gamma(n, dtype) * magnitude + n * SMALLEST["f64" if dtype == "f64" else "f32"] + rounding(y, dtype)


def rounding(values, dtype):
    return UNIT_ROUNDOFF[dtype] * np.abs(values) + SMALLEST[dtype]


def block(x, w1, w2, gate, activation, ranks, dtype):
    """(act(x G) * (x W1)) W2 and how far a right answer may lie from it; weights are (in, out)."""
    up, up_error = linear(x, w1.T, np.zeros(1), 1, dtype)
    if gate is None:
        hidden = apply(activation, up)
        error = LIPSCHITZ[activation] * up_error
    else:
        z, z_error = linear(x, gate.T, np.zeros(1), 1, dtype)
        opened = apply(activation, z)
        opened_error = LIPSCHITZ[activation] * z_error + 8 * rounding(opened, "f64" if dtype == "f64" else "f32")
        hidden = opened * up
        error = np.abs(opened) * up_error + np.abs(up) * opened_error + up_error * opened_error
    error = error + 8 * rounding(hidden, "f64" if dtype == "f64" else "f32") + rounding(hidden, dtype)
    y, y_error = linear(hidden, w2.T, np.zeros(1), ranks, dtype)
    spread = (1 + gamma(w2.shape[0] + ranks + 2, dtype)) * (wide(error) @ wide(np.abs(w2)))
    return y, y_error + spread + UNIT_ROUNDOFF[dtype] * spread


# ---- layers ----


def store(array, path, order, big_endian):
    array = array.astype(array.dtype.newbyteorder(">" if big_endian else "<"))
    np.save(path, np.asfortranarray(array) if order == "F" else np.ascontiguousarray(array))
    return path


def size(rng):
    return int(rng.choice([1, 2, 3, 5, 7, 8, 13, 16, 31, 61, 64, 97, 127]))


def judge(program, arguments, command, ranks, dtype, expected, bound, out, exact):
    """Runs a layer, holds the answer to the reference, and gives back what the program said."""
    done = program.run(*arguments, "--ranks", ranks, "--out", out, "--check", "--json")
    require(done.returncode == 0, f"exit code {done.returncode}: {done.stderr}{done.stdout}")
    said = json.loads(done.stdout)
    require(list(said) == KEYS + CHECK_KEYS, f"the keys are {list(said)}")
    require(said["passed"] is True, f"not passed: {said}")
    require(said["collectives"] == COLLECTIVES[command], f"collectives {said['collectives']}")
    require(said["command"] == command and said["world_size"] == ranks and said["dtype"] == dtype, f"{said}")
    require(said["bytes_moved"] == 0 or ranks > 1, f"{said['bytes_moved']} bytes moved at one rank")
    require(done.stderr == "", f"standard error: {done.stderr!r}")
    y = np.load(out)
    require(list(y.shape) == list(expected.shape) == said["shape"], f"shape {y.shape}, said {said['shape']}")
    require(y.dtype == (np.float32 if dtype == "bf16" else NUMPY[dtype]), f"dtype {y.dtype}")
    if dtype == "bf16":
        require(not np.any(np.ascontiguousarray(y).view(np.uint32) & 0xFFFF), "results are no bfloat16 numbers")
    if exact:
        require(np.array_equal(y.astype(np.float64), expected.astype(np.float64)), "integers differ from NumPy's")
        require(said["bitwise_equal"] is True, "the bits of exact integers differ from the unsplit layer's")
    else:
        over = np.abs(wide(y) - expected) > bound
        require(not np.any(over), f"{np.count_nonzero(over)} of {y.size} elements are over the bound")
    return said


def layer_case(program, folder, seed, number, exact=False):
    """One random layer: the command, ranks, dtype, order and byte order go round by the number."""
    rng = np.random.default_rng([seed, number, exact])
    command = ["column", "row", "mlp"][number % 3]
    ranks = 1 + number // 3 % 9
    dtype = ["f32", "f64", "f16"][(number // 3 + number) % 3]
    order, big_endian = "CF"[number % 2], number // 2 % 4 == 1
    leading = [int(size(rng)) if d else 1 for d in [(1,), (0,), (1, 1)][number % 3 if number % 4 == 0 else number // 4 % 2]]
    if len(leading) == 2:
        leading = [1 + leading[0] % 3, 1 + leading[1] % 7]
    inputs, hidden, outputs = size(rng), size(rng), size(rng)

    def make(*shape):
        if exact:
            return rng.integers(-3, 4, shape).astype(NUMPY[dtype]) * (rng.random(shape) < 0.4)
        return rng.standard_normal(shape).astype(NUMPY[dtype])

    def put(name, array):
        return store(array.astype(NUMPY[dtype]), folder / f"{number}-{exact}-{name}.npy", order, big_endian)

    x = make(*leading, inputs)
    rows = x.reshape(-1, inputs)
    out = folder / f"{number}-{exact}-y.npy"
    if command == "mlp":
        activation = ["relu", "none"][number % 2] if exact else list(LIPSCHITZ)[number // 3 % 5]
        w1, w2 = make(inputs, hidden), make(hidden, outputs)
        gate = make(inputs, hidden) if number % 2 and not exact else None
        arguments = ["mlp", "--x", put("x", x), "--w1", put("w1", w1), "--w2", put("w2", w2), "--activation", activation]
        arguments += ["--gate", put("gate", gate)] if gate is not None else []
        expected, bound = block(rows, w1, w2, gate, activation, ranks, dtype)
        largest = np.max(np.abs(wide(rows)) @ np.abs(wide(w1)) @ np.abs(wide(w2)), initial=0)
    else:
        w = make(outputs, inputs)
        layout = ["out-in", "in-out"][number // 2 % 2]
        arguments = [command, "--x", put("x", x), "--w", put("w", w if layout == "out-in" else w.T)]
        arguments += ["--weight-layout", layout]
        bias = make(outputs) if number % 2 else np.zeros(1)
        arguments += ["--bias", put("b", bias)] if number % 2 else []
        expected, bound = linear(rows, w, bias, ranks, dtype)
        largest = np.max(np.abs(wide(rows)) @ np.abs(wide(w)).T + np.abs(wide(bias)), initial=0)
    if exact:
        if largest > 2.0 ** PRECISION[dtype]:
            return layer_case(program, folder, seed + 1, number, exact)
    shape = (*leading, outputs)
    judge(program, arguments, command, ranks, dtype, expected.reshape(shape), bound.reshape(shape), out, exact)
    return f"{command} {dtype} ranks {ranks} {shape}"


def bfloat16_checkpoint(program, folder, seed):
    """A gated block in bf16 from one .safetensors file, weights (out, in) as a model's checkpoint holds them."""
    rng = np.random.default_rng([seed, 16])
    tokens, inputs, hidden, outputs = 5, 61, 97, 31

    def make(*shape):
        return to_bf16(rng.standard_normal(shape))

    x, up, gate, down = make(tokens, inputs), make(hidden, inputs), make(hidden, inputs), make(outputs, hidden)
    file = folder / "model.safetensors"
    names = {"x": x, "mlp.up_proj.weight": up, "mlp.gate_proj.weight": gate, "mlp.down_proj.weight": down}
    write_safetensors(file, {name: ("BF16", array) for name, array in names.items()})
    expected, bound = block(
        from_bf16(x), from_bf16(up).T, from_bf16(down).T, from_bf16(gate).T, "silu", 4, "bf16"
    )
    arguments = ["mlp", "--x", f"{file}:x", "--w1", f"{file}:mlp.up_proj.weight", "--w2", f"{file}:mlp.down_proj.weight"]
    arguments += ["--gate", f"{file}:mlp.gate_proj.weight", "--activation", "silu", "--weight-layout", "out-in"]
    judge(program, arguments, "mlp", 4, "bf16", expected, bound, folder / "bf16-y.npy", exact=False)


def invariant_bits(program, folder, seed):
    """--tp-invariant: the same file at 1, 2, 4 and 8 ranks."""
    rng = np.random.default_rng([seed, 8])
    x, w1, w2 = (rng.standard_normal(shape).astype(np.float32) for shape in [(7, 61), (61, 97), (97, 31)])
    paths = [store(a, folder / f"invariant-{i}.npy", "C", False) for i, a in enumerate([x, w1, w2])]
    files = []
    for ranks in [1, 2, 4, 8]:
        out = folder / f"invariant-y{ranks}.npy"
        done = program.run(
            "mlp", "--x", paths[0], "--w1", paths[1], "--w2", paths[2], "--ranks", ranks, "--tp-invariant", "--out", out
        )
        require(done.returncode == 0, done.stderr)
        files.append(out.read_bytes())
    require(len(set(files)) == 1, "the bits differ between world sizes")


def many_ranks(program, folder, seed):
    """500 ranks, most of them with empty shards."""
    rng = np.random.default_rng([seed, 500])
    x, w = rng.standard_normal((3, 61)).astype(np.float32), rng.standard_normal((97, 61)).astype(np.float32)
    paths = [store(a, folder / f"many-{i}.npy", "C", False) for i, a in enumerate([x, w])]
    for command in ["column", "row"]:
        expected, bound = linear(x, w, np.zeros(1), 500, "f32")
        arguments = [command, "--x", paths[0], "--w", paths[1]]
        judge(program, arguments, command, 500, "f32", expected, bound, folder / "many-y.npy", exact=False)


# ---- bad input ----


def bad_files(folder):
    """Broken files: {name: what the message must name beside the file}."""
    good = npy_bytes("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 6), }", bytes(96))
    header = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }"
    contents = {
        "empty": (b"", []),
        "text": (b"1,2,3\n4,5,6\n", []),
        "cut-magic": (good[:7], []),
        "cut-header": (good[:40], []),
        "cut-data": (good[:-1], ["96"]),
        "over-long": (good + b"\0", ["96"]),
        "lying-shape": (npy_bytes(header % ("<f4", "(400, 600)"), bytes(96)), ["960000"]),
        "huge-shape": (npy_bytes(header % ("<f4", "(4611686018427387904, 4)"), bytes(96)), []),
        "negative-shape": (npy_bytes(header % ("<f4", "(-4, -6)"), bytes(96)), ["-4"]),
        "nested": (npy_bytes(header % ("<f4", "(" * 20000 + ")" * 20000), bytes(96)), []),
        "code": (npy_bytes(header % ("<f4", "__import__('os').system('touch pwned')"), bytes(96)), []),
        "no-shape": (npy_bytes("{'descr': '<f4', 'fortran_order': False, }", bytes(96)), ["shape"]),
        "object": (npy_bytes(header % ("|O", "(4, 6)"), bytes(192)), ["|O"]),
        "complex": (npy_bytes(header % ("<c8", "(4, 6)"), bytes(192)), ["<c8"]),
        "unknown-dtype": (npy_bytes(header % ("<f3", "(4, 6)"), bytes(72)), ["<f3"]),
        "long-double": (npy_bytes(header % ("<f16", "(4, 6)"), bytes(384)), ["<f16"]),
        "text-dtype": (npy_bytes(header % ("<U5", "(4, 6)"), bytes(480)), ["<U5"]),
        "version-9": (npy_bytes(header % ("<f4", "(4, 6)"), bytes(96), (9, 0)), ["9"]),
        "integer-too-big": (npy_bytes(header % ("<i8", "(1, 1)"), struct.pack("<q", 2**53 + 1)), [str(2**53 + 1)]),
    }
    cases = []
    for name, (content, words) in contents.items():
        file = folder / f"{name}.npy"
        file.write_bytes(content)
        cases.append((name, file, words))
    return cases + bad_checkpoints(folder)


def bad_checkpoints(folder):
    def checkpoint(header, data=bytes(96), length=None):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text) if length is None else length) + text + data

    def entry(offsets=(0, 96), dtype="F32", shape=(4, 6)):
        return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}

    contents = {
        "st-empty": (b"", "w", []),
        "st-cut": (checkpoint({"w": entry()})[:-1], "w", []),
        "st-over-long": (checkpoint({"w": entry()}) + b"\0", "w", []),
        "st-huge-header": (checkpoint({"w": entry()}, length=2**62), "w", [str(2**62)]),
        "st-not-json": (checkpoint(b"{'w': 1}"), "w", []),
        "st-nested": (checkpoint(b'{"w":' + b"[" * 50000 + b"]" * 50000 + b"}"), "w", []),
        "st-overlap": (checkpoint({"w": entry(), "v": entry()}), "w", []),
        "st-lying": (checkpoint({"w": entry(shape=(40, 60))}), "w", []),
        "st-backwards": (checkpoint({"w": entry((96, 0))}), "w", []),
        "st-dtype": (checkpoint({"w": entry((0, 24), "F8_E4M3")}, bytes(24)), "w", ["F8_E4M3"]),
        "st-wrong-name": (checkpoint({"weight": entry()}), "wieght", ["wieght", "weight"]),
    }
    cases = []
    for name, (content, tensor, words) in contents.items():
        file = folder / f"{name}.safetensors"
        file.write_bytes(content)
        cases.append((name, f"{file}:{tensor}", words))
    return cases


def bad_usage(folder):
    """Wrong command lines: [(name, arguments, what the message must name)]."""
    x = store(np.ones((2, 6), np.float32), folder / "x.npy", "C", False)
    w = store(np.ones((4, 6), np.float32), folder / "w.npy", "C", False)
    narrow = store(np.ones((4, 5), np.float32), folder / "narrow.npy", "C", False)
    cube = store(np.ones((2, 2, 6), np.float32), folder / "cube.npy", "C", False)
    bias = store(np.ones(5, np.float32), folder / "bias.npy", "C", False)
    double = store(np.ones((4, 6), np.float64), folder / "double.npy", "C", False)
    os.symlink(x, folder / "x-link.npy")
    os.link(x, folder / "x-hard.npy")
    (folder / "folder.npy").mkdir()
    fine = ["--x", x, "--w", w, "--ranks", 2]
    cases = [(f"ranks {n!r}", ["row", "--x", x, "--w", w, "--ranks", n], [n]) for n in ["0", "-1", "1000000000", "two", "1.5"]]
    cases += [
        ("no such file", ["column", "--x", folder / "none.npy", "--w", w, "--ranks", 2], ["none.npy"]),
        ("a folder", ["column", "--x", folder / "folder.npy", "--w", w, "--ranks", 2], ["folder.npy"]),
        ("no format", ["column", "--x", folder / "x.csv", "--w", w, "--ranks", 2], ["x.csv"]),
        ("in features", ["column", "--x", x, "--w", narrow, "--ranks", 2], ["(4, 5)", "(2, 6)"]),
        ("cube weight", ["row", "--x", x, "--w", cube, "--ranks", 2], ["(2, 2, 6)"]),
        ("bias", ["row", *fine, "--bias", bias], ["(5,)", "(4,)"]),
        ("hidden", ["mlp", "--x", x, "--w1", w, "--w2", w, "--ranks", 2, "--weight-layout", "out-in"], ["(4, 6)"]),
        ("mlp layout", ["mlp", "--x", x, "--w1", w, "--w2", w, "--ranks", 2], ["(4, 6)", "(2, 6)"]),
        ("mixed dtypes", ["row", "--x", x, "--w", double, "--ranks", 2], ["f32", "f64"]),
        ("out in no folder", ["row", *fine, "--out", folder / "no" / "y.npy"], ["no"]),
        ("out a folder", ["row", *fine, "--out", folder / "folder.npy"], ["folder.npy"]),
        ("out no npy", ["row", *fine, "--out", folder / "y.txt"], ["y.txt"]),
        ("out is x", ["row", *fine, "--out", x], ["x.npy"]),
        ("out links to x", ["row", *fine, "--out", folder / "x-link.npy"], ["x-link.npy"]),
        ("out is x by another name", ["row", *fine, "--out", folder / "x-hard.npy"], ["x-hard.npy"]),
        ("no x", ["row", "--w", w, "--ranks", 2], ["--x"]),
        ("unknown option", ["row", *fine, "--bais", bias], ["--bais"]),
        ("unknown command", ["rwo", *fine], ["rwo"]),
        ("activation", ["mlp", "--x", x, "--w1", w, "--w2", w, "--ranks", 2, "--activation", "tanh"], ["tanh"]),
        ("dtype", ["row", *fine, "--dtype", "f8"], ["f8"]),
        ("device", ["row", *fine, "--device", "tpu"], ["tpu"]),
        ("layout", ["row", *fine, "--weight-layout", "io"], ["io"]),
        ("shape", ["bench", "gemm", "--shape", "1,0,4"], ["1,0,4"]),
        ("bytes", ["bench", "allreduce", "--bytes", "6"], ["6"]),
    ]
    return cases


def refusals(program, folder, workers):
    """Everything that must end with exit code 2, one sentence and nothing written."""
    x = store(np.ones((2, 6), np.float32), folder / "good-x.npy", "C", False)
    cases = []
    for name, file, words in bad_files(folder):
        cases.append((name, ["column", "--x", x, "--w", file, "--ranks", 2], [str(file).split(":")[0], *words]))
    cases = [(name, [*arguments, "--out", folder / "y.npy"], words) for name, arguments, words in cases]
    cases += bad_usage(folder)
    before = contents(folder)

    def refuse(case):
        name, arguments, words = case
        done = program.run(*arguments)
        require(done.returncode == 2, f"exit code {done.returncode}: {done.stderr}{done.stdout}")
        require(done.stdout == "", f"standard output: {done.stdout!r}")
        require_sentence(done.stderr)
        for word in words:
            require(str(word) in done.stderr, f"the message does not name {word!r}: {done.stderr!r}")

    each(workers, [(f"refuse {case[0]}", lambda case=case: refuse(case)) for case in cases])
    require(contents(folder) == before, "a refused command changed a file")


def contents(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def no_device(program, folder):
    """No CUDA device: exit code 3 and the reason."""
    x = store(np.ones((2, 6), np.float32), folder / "device-x.npy", "C", False)
    done = program.run("row", "--x", x, "--w", x, "--ranks", 2, "--device", "cuda")
    if done.returncode != 0:
        require(done.returncode == 3, f"exit code {done.returncode}: {done.stderr}")
        require_sentence(done.stderr)


# ---- interruptions and full disks ----


def large_output(folder, tokens=4000, outputs=10000):
    x = store(np.ones((tokens, 2), np.float32), folder / "tall-x.npy", "C", False)
    w = store(np.ones((outputs, 2), np.float32), folder / "tall-w.npy", "C", False)
    return ["column", "--x", x, "--w", w, "--ranks", 2]


def interrupted(program, folder):
    """Ctrl-C before, during and after the file is begun: exit code 130 and no partial file."""
    arguments = large_output(folder)
    out = folder / "interrupted.npy"
    before = set(os.listdir(folder))
    caught_writing = False
    for wait in [0.05, 0.2, 0.4, None, None, None]:
        running = program.start(*arguments, "--out", out)
        if wait is None:
            while running.poll() is None and not any(n.endswith(".tmp") for n in os.listdir(folder)):
                time.sleep(0.0005)
        else:
            time.sleep(wait)
        caught_writing |= any(n.endswith(".tmp") for n in os.listdir(folder))
        running.send_signal(signal.SIGINT)
        _, stderr = running.communicate(timeout=TIMEOUT_SECONDS)
        left = set(os.listdir(folder)) - before
        if out.exists():  # it had already finished: whole, then
            require(np.load(out, mmap_mode="r").shape == (4000, 10000), "the file is not whole")
            out.unlink()
            left.discard(out.name)
        else:
            require(running.returncode == 130, f"exit code {running.returncode}: {stderr}")
        require(not left, f"left behind: {left}")
        require("Exception" not in stderr, f"standard error: {stderr!r}")
    require(caught_writing, "no interruption came while the file was being written")


def two_writers(program, folder):
    """Two commands that write one file leave one whole result."""
    rng = np.random.default_rng(2)
    w = store(rng.integers(-3, 4, (800, 64)).astype(np.float32), folder / "two-w.npy", "C", False)
    inputs = [rng.integers(-3, 4, (900, 64)).astype(np.float32) for _ in range(2)]
    paths = [store(x, folder / f"two-x{i}.npy", "C", False) for i, x in enumerate(inputs)]
    out = folder / "two-y.npy"
    both = [program.start("row", "--x", p, "--w", w, "--ranks", 2, "--out", out) for p in paths]
    for one in both:
        _, stderr = one.communicate(timeout=TIMEOUT_SECONDS)
        require(one.returncode == 0, stderr)
    y = np.load(out)
    require(any(np.array_equal(y, x @ np.load(w).T) for x in inputs), "the file is neither one's whole result")
    require(not [n for n in os.listdir(folder) if n.endswith(".tmp")], "a temporary file is left")


def full_disk(program, folder):
    """No space: exit code 3, one sentence, nothing left."""
    arguments = large_output(folder, tokens=400)
    os.symlink("/dev/full", folder / "full.npy")
    done = program.run(*arguments, "--out", folder / "full.npy")
    require(done.returncode == 3, f"exit code {done.returncode}: {done.stderr}")
    require_sentence(done.stderr)
    before = set(os.listdir(folder))
    limit = 1 << 20
    done = program.run(
        *arguments,
        "--out",
        folder / "limited.npy",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    require(done.returncode == 3, f"exit code {done.returncode}: {done.stderr}")
    require_sentence(done.stderr)
    require(set(os.listdir(folder)) == before, "a partial file is left")


# ---- all of it ----

FAILURES = []


def each(workers, cases):
    """Runs named cases, several at a time, and keeps what does not hold."""

    def one(case):
        name, action = case
        try:
            return name, action(), None
        except (Wrong, subprocess.TimeoutExpired, ValueError, KeyError, OSError) as failure:
            return name, None, failure

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for name, _, failure in pool.map(one, cases):
            if failure is not None:
                FAILURES.append(name)
                print(f"FAILED {name}: {failure}", flush=True)


def group(title, workers, cases):
    """Runs named cases and says of all of them together whether they held."""
    start = time.monotonic()
    failed = len(FAILURES)
    each(workers, cases)
    bad = len(FAILURES) - failed
    print(f"{title}: {'held' if bad == 0 else f'{bad} FAILED'}, {time.monotonic() - start:.1f} s", flush=True)


def verdict():
    """The last line, and the exit code."""
    print(f"{len(FAILURES)} failures" if FAILURES else "all held", flush=True)
    return 1 if FAILURES else 0


def seeded(given):
    """The seed that was given, or one by the clock; printed, so that a failure can be repeated."""
    seed = given if given is not None else time.time_ns() % 1_000_000
    print(f"NumPy {np.__version__}, seed {seed}", flush=True)
    return seed


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--jar", default="target/tp4j.jar")
    options.add_argument("--java", default="java")
    options.add_argument("--cases", type=int, default=36, help="random layers")
    options.add_argument("--exact", type=int, default=12, help="layers of exact integers")
    options.add_argument("--seed", type=int, default=None)
    options.add_argument("--workers", type=int, default=2)
    given = options.parse_args()
    seed = seeded(given.seed)
    program = Program(given.java, pathlib.Path(given.jar).resolve())
    with tempfile.TemporaryDirectory(prefix="tp4j-") as temporary:
        root = pathlib.Path(temporary)
        places = iter(range(1000))

        def place():
            folder = root / str(next(places))
            folder.mkdir()
            return folder

        def held(title, cases):
            group(title, given.workers, cases)

        layers = place()
        layer_cases = [
            (f"layer {n} (seed {seed})", lambda n=n: layer_case(program, layers, seed, n)) for n in range(given.cases)
        ]
        exact_cases = [
            (f"integers {n} (seed {seed})", lambda n=n: layer_case(program, layers, seed, n, exact=True))
            for n in range(given.exact)
        ]
        held(f"{given.cases} random layers agree with NumPy", layer_cases)
        held(f"{given.exact} layers of integers have NumPy's bits", exact_cases)
        held("a gated bf16 block from .safetensors", [("bf16", lambda: bfloat16_checkpoint(program, place(), seed))])
        held("equal bits at 1, 2, 4 and 8 ranks", [("--tp-invariant", lambda: invariant_bits(program, place(), seed))])
        held("500 ranks", [("500 ranks", lambda: many_ranks(program, place(), seed))])
        held("bad input is refused", [("bad input", lambda: refusals(program, place(), given.workers))])
        held("a missing device is named", [("--device cuda", lambda: no_device(program, place()))])
        held("Ctrl-C leaves no partial file", [("Ctrl-C", lambda: interrupted(program, place()))])
        held("two writers leave one whole file", [("two writers", lambda: two_writers(program, place()))])
        held("a full disk is named", [("full disk", lambda: full_disk(program, place()))])
    return verdict()


if __name__ == "__main__":
    sys.exit(main())
