"""Runs the command line with --device cuda where there is no GPU, on the driver of cuda/emulator, judged by NumPy.

    make -C cuda/emulator
    python3 src/test/python/cli_emulated.py [--quick] [--jar target/tp4j.jar] [--emulator target/emulator] [--seed S]

All layers: column, row and mlp at 1, 2, 3, 4, 5, 8 and 9 ranks of four dtypes, on 1, 2 and 4 devices, of random numbers
and of exact integers; --quick takes one such layer of each command and dtype. The devices work in a random order, and
what the emulator finds wrong with the program, a missing wait above all, fails the run. Needs Python 3.9, NumPy, g++.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile

import numpy as np

from cli_blackbox import (
    LIPSCHITZ,
    NUMPY,
    PRECISION,
    Program,
    Wrong,
    block,
    contents,
    from_bf16,
    group,
    judge,
    linear,
    require,
    require_sentence,
    seeded,
    store,
    to_bf16,
    verdict,
    wide,
)

COMMANDS = ["column", "row", "mlp"]
DTYPES = ["f64", "f32", "f16", "bf16"]
RANKS = [1, 2, 3, 4, 5, 8, 9]
DEVICES = [1, 2, 4]


class Machine:
    """The jar, and how to run it on emulated devices."""

    def __init__(self, given, seed):
        self.java, self.jar, self.seed = given.java, pathlib.Path(given.jar).resolve(), seed
        emulator = pathlib.Path(given.emulator).resolve()
        require((emulator / "libcuda.so.1").exists(), f"{emulator} holds no libcuda.so.1: run make -C cuda/emulator")
        self.settings = [
            f"-Dtp4j.cuda.driver={emulator / 'libcuda.so.1'}",
            f"-Dtp4j.cublas={emulator / 'libcublas.so.12'}",
        ]

    def with_devices(self, count, *settings, **variables):
        """A program that sees so many devices; what else the emulator is told is given by its keys."""
        told = {"DEVICES": count, "SCHEDULE": f"random:{self.seed}", **variables}
        variables = {f"TP4J_EMULATOR_{key}": str(value) for key, value in told.items()}
        return Program(self.java, self.jar, [*self.settings, *settings], variables)


# ---- layers ----


def rounded(array, dtype):
    """As the dtype holds it; bf16 in an f4, as our .npy files hold it."""
    return from_bf16(to_bf16(array)) if dtype == "bf16" else array.astype(NUMPY[dtype])


def layer(rng, command, dtype, exact):
    """(named inputs, options, magnitude of the sums, (ranks -> expected and bound)) of a random layer."""
    tokens, inputs, hidden, outputs = (int(n) for n in rng.choice([1, 2, 3, 5, 7, 13, 16, 31], 4))

    def make(*shape):
        if exact:
            return rng.integers(-2, 3, shape) * (rng.random(shape) < 0.4)
        return rounded(rng.standard_normal(shape), dtype)

    x = make(tokens, inputs)
    if command == "mlp":
        activation = str(rng.choice(["relu", "none"] if exact else list(LIPSCHITZ)))
        w1, w2 = make(inputs, hidden), make(hidden, outputs)
        gate = None if exact or rng.random() < 0.5 else make(inputs, hidden)
        named = {"x": x, "w1": w1, "w2": w2} if gate is None else {"x": x, "w1": w1, "w2": w2, "gate": gate}
        magnitude = np.abs(wide(x)) @ np.abs(wide(w1)) @ np.abs(wide(w2))
        return named, ["--activation", activation], magnitude, lambda n: block(x, w1, w2, gate, activation, n, dtype)
    w, bias = make(outputs, inputs), make(outputs)
    magnitude = np.abs(wide(x)) @ np.abs(wide(w)).T + np.abs(wide(bias))
    return {"x": x, "w": w, "bias": bias}, [], magnitude, lambda n: linear(x, w, bias, n, dtype)


def layer_case(machine, folder, number, command, dtype, ranks, devices, exact):
    rng = np.random.default_rng([machine.seed, number, exact])
    named, options, magnitude, reference = layer(rng, command, dtype, exact)
    while exact and (np.max(magnitude) > 2.0 ** PRECISION[dtype] or not np.any(magnitude)):
        named, options, magnitude, reference = layer(rng, command, dtype, exact)
    arguments = [command, "--device", "cuda", "--dtype", dtype, *options]
    for name, array in named.items():
        file = folder / f"{number}-{exact}-{name}.npy"
        arguments += [f"--{name}", store(array.astype(NUMPY.get(dtype, np.float32)), file, "C", False)]
    out = folder / f"{number}-{exact}-y.npy"
    expected, bound = reference(ranks)
    said = judge(machine.with_devices(devices), arguments, command, ranks, dtype, expected, bound, out, exact)
    require(said["device"].startswith("CUDA device 0, Emulated device,"), f"device {said['device']}")
    for file in folder.glob(f"{number}-{exact}-*"):
        file.unlink()


def layer_cases(machine, folder, quick):
    """[(name, action)]: all of them, or one of each command and dtype whose ranks and devices go round."""
    every = [(c, d, n, g) for c in COMMANDS for d in DTYPES for n in RANKS for g in DEVICES]
    if quick:
        some = [(c, d) for d in DTYPES for c in COMMANDS]
        every = [(c, d, RANKS[(i + 1) % 7], DEVICES[(i + i // 3) % 3]) for i, (c, d) in enumerate(some)]
    cases = []
    for number, (command, dtype, ranks, devices) in enumerate(every):
        for exact in [False, True]:
            name = f"{command} {dtype}, {ranks} ranks, {devices} devices, exact {exact} (seed {machine.seed})"
            arguments = (machine, folder, number, command, dtype, ranks, devices, exact)
            cases.append((name, lambda given=arguments: layer_case(*given)))
    return cases


# ---- the other commands ----


def verified(machine):
    """verify: every law on every dtype."""
    done = machine.with_devices(4).run("verify", "--device", "cuda", "--ranks", "1,2,3,8", "--seed", 1, "--json")
    require(done.returncode == 0, f"exit code {done.returncode}: {done.stderr}{done.stdout[:2000]}")
    require(done.stderr == "", f"standard error: {done.stderr!r}")
    said = json.loads(done.stdout)
    require(said["passed"] is True and said["checks"] > 500, f"passed {said['passed']} of {said['checks']}")
    for device in range(4):
        require("Emulated" in said["environment"][f"device cuda {device}"], f"{said['environment']}")


def examined(machine):
    """doctor: every device by name, each with a layer that worked."""
    done = machine.with_devices(3).run("doctor", "--device", "cuda", "--json")
    require(done.returncode == 0 and done.stderr == "", f"exit code {done.returncode}: {done.stderr}")
    (backend,) = json.loads(done.stdout)["backends"]
    require(backend["kind"] == "cuda" and backend["works"] is True, f"{backend}")
    for index, device in enumerate(backend["devices"]):
        require(device["name"].startswith(f"CUDA device {index}, Emulated device, compute"), f"{device}")
        require(device["works"] is True and device["index"] == index, f"{device}")
        require(all(finding["found"] is True for finding in device["findings"]), f"{device}")
    require(len(backend["devices"]) == 3, f"{len(backend['devices'])} devices")


def measured(machine):
    """bench allreduce: sizes and ratios, with the device's name. What it takes says nothing of a GPU."""
    arguments = ["bench", "allreduce", "--device", "cuda", "--peer", "mpi", "--turns", 1, "--json"]
    done = machine.with_devices(2).run(*arguments)
    require(done.returncode == 0 and done.stderr == "", f"exit code {done.returncode}: {done.stderr}")
    said = json.loads(done.stdout)
    require(said["device"].startswith("CUDA device 0, Emulated device,"), f"device {said['device']}")
    require(all(each["seconds"] > 0 and each["ratio"] > 0 for each in said["results"]), f"{said['results']}")


def resident(machine):
    """bench allreduce alone: the all-reduce itself, in nccl-tests' terms."""
    arguments = ["bench", "allreduce", "--device", "cuda", "--turns", 1, "--bytes", 4096, "--ranks", 4, "--json"]
    done = machine.with_devices(2).run(*arguments)
    require(done.returncode == 0 and done.stderr == "", f"exit code {done.returncode}: {done.stderr}")
    (only,) = json.loads(done.stdout)["results"]
    require(only["bytes"] == 4096 and only["elements"] == 1024, f"{only}")
    algorithm = only["bytes"] / only["seconds"] * 1e-9
    require(abs(only["algbw_gb_per_s"] / algorithm - 1) < 1e-6, f"{only}")
    require(abs(only["busbw_gb_per_s"] / (algorithm * 2 * 3 / 4) - 1) < 1e-6, f"{only}")


# ---- faults ----

# What the emulator is told to let fail on device 2 of 4, and what the sentence must say besides rank and device.
FAULTS = {
    "no memory": ("cuMemAlloc@2:1:2,cuMemAlloc@2:1:2", ["no memory for a block of", "bytes"]),
    "no memory for a later block": ("cuMemAlloc@2:3:2,cuMemAlloc@2:3:2", ["no memory for a block of", "bytes"]),
    "no stream": ("cuStreamCreate@2:1:2", ["creating a stream", "CUDA_ERROR_OUT_OF_MEMORY"]),
    "no event": ("cuEventCreate@2:1:2", ["creating an event", "CUDA_ERROR_OUT_OF_MEMORY"]),
    "no pinned memory": ("cuMemHostAlloc@2:1:2", ["bytes of pinned host memory", "CUDA_ERROR_OUT_OF_MEMORY"]),
    "no cuBLAS handle": ("cublasCreate@2:1:3,cublasCreate@2:1:3", ["creating a cuBLAS handle", "ALLOC_FAILED"]),
    "a module that does not load": ("cuModuleLoadDataEx@2:1:222", ["loading ", ".ptx of", "UNSUPPORTED_PTX_VERSION"]),
    "a refused upload": ("cuMemcpyHtoDAsync@2:1:1", ["a copy of f32 (", "to the device", "CUDA_ERROR_INVALID_VALUE"]),
    "a refused product": ("cublasGemmEx_64@2:1:13", ["the product of x f32 (", "and w f32 (", "EXECUTION_FAILED"]),
    "a refused launch": ("cuLaunchKernel@2:1:701", ["launching ", "rows of", "LAUNCH_OUT_OF_RESOURCES"]),
    "a failed launch": ("kernel@2:1:719:sticky", ["CUDA_ERROR_LAUNCH_FAILED"]),
    "a failed product": ("gemm@2:1:700:sticky", ["CUDA_ERROR_ILLEGAL_ADDRESS"]),
    "a failed copy": ("copy@2:1:716:sticky", ["CUDA_ERROR_MISALIGNED_ADDRESS"]),
}


def faulty(machine, folder, fault, words):
    """A device that fails: exit code 3, one sentence that names rank, device and operation, and no file."""
    rng = np.random.default_rng(machine.seed)
    arguments = ["mlp", "--device", "cuda", "--ranks", 4, "--json", "--check", "--out", folder / "y.npy"]
    for name, shape in {"x": (3, 20), "w1": (20, 40), "w2": (40, 20)}.items():
        arguments += [f"--{name}", store(rng.standard_normal(shape, np.float32), folder / f"{name}.npy", "C", False)]
    before = contents(folder)
    # A trial of the links between devices is a process that the fault would strike too, and a warning.
    done = machine.with_devices(4, "-Dtp4j.cuda.peers=trust", FAULT=fault).run(*arguments)
    require(done.returncode == 3, f"exit code {done.returncode}: {done.stderr}{done.stdout}")
    require(done.stdout == "", f"standard output: {done.stdout!r}")
    require_sentence(done.stderr)
    for word in ["tp4j: rank 2 failed ", "CUDA device 2", *words]:
        require(word in done.stderr, f"the message does not say {word!r}: {done.stderr!r}")
    require(contents(folder) == before, "a file was changed or left")


def without_device(machine, folder, fault, word):
    """A driver that does not start: exit code 3, and why."""
    x = store(np.ones((2, 6), np.float32), folder / "x.npy", "C", False)
    done = machine.with_devices(4, FAULT=fault).run("row", "--x", x, "--w", x, "--ranks", 2, "--device", "cuda")
    require(done.returncode == 3, f"exit code {done.returncode}: {done.stderr}")
    require_sentence(done.stderr)
    require(word in done.stderr, f"the message does not say {word!r}: {done.stderr!r}")


def half_sick(machine):
    """doctor where one of two devices fails: says so of that one, and ends well because the other works."""
    done = machine.with_devices(2, FAULT="kernel@1:1:700:sticky").run("doctor", "--device", "cuda", "--json")
    require(done.returncode == 0 and done.stderr == "", f"exit code {done.returncode}: {done.stderr}")
    well, sick = json.loads(done.stdout)["backends"][0]["devices"]
    require(well["works"] is True and sick["works"] is False, f"{well} {sick}")
    missing = [finding["detail"] for finding in sick["findings"] if not finding["found"]]
    require(missing and all("CUDA_ERROR_ILLEGAL_ADDRESS" in detail for detail in missing), f"{sick}")


# ---- all of it ----


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="one layer of each command and dtype")
    options.add_argument("--jar", default="target/tp4j.jar")
    options.add_argument("--emulator", default="target/emulator", help="the folder of libcuda.so.1 and libcublas.so.12")
    options.add_argument("--java", default="java")
    options.add_argument("--seed", type=int, default=None)
    options.add_argument("--workers", type=int, default=2)
    given = options.parse_args()
    try:
        machine = Machine(given, seeded(given.seed))
    except Wrong as missing:
        sys.exit(str(missing))
    with tempfile.TemporaryDirectory(prefix="tp4j-") as temporary:
        places = iter(range(1000))

        def place():
            folder = pathlib.Path(temporary) / str(next(places))
            folder.mkdir()
            return folder

        def held(title, cases):
            group(title, given.workers, cases)

        layers = layer_cases(machine, place(), given.quick)
        held(f"{len(layers)} layers agree with NumPy, integers bit for bit", layers)
        held("doctor names the devices", [("doctor", lambda: examined(machine)), ("a sick one", lambda: half_sick(machine))])
        faults = list(FAULTS.items())[:: 4 if given.quick else 1]
        held(
            f"{len(faults)} faults end in one sentence",
            [(name, lambda fault=fault: faulty(machine, place(), *fault)) for name, fault in faults],
        )
        held("a driver that does not start", [("cuInit", lambda: without_device(machine, place(), "cuInit:1:999", "999"))])
        if not given.quick:
            held("verify holds", [("verify", lambda: verified(machine))])
            held("bench allreduce measures", [("beside MPI", lambda: measured(machine)), ("alone", lambda: resident(machine))])
    return verdict()


if __name__ == "__main__":
    sys.exit(main())
