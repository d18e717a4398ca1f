"""Runs the command line where the machine is against it: little heap, few threads, full disks, folders without rights.

    python3 src/test/python/cli_hostile.py [--jar target/tp4j.jar] [--java java] [--quick]

Every run must give the right result, or one sentence and the documented exit code: never 1, never a stack trace. Needs
Python 3.9, NumPy, and Linux; what needs root is skipped, with a sentence, where it is not permitted. Ends with 0 if
everything held, else with 1 after naming what did not.
"""

import argparse
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

import cli_blackbox
from cli_blackbox import Program, require, require_sentence, write_safetensors

MACHINE, BAD_INPUT = 3, 2
BENCH = ["bench", "gemm", "--shape", "2,8,8", "--peer", "numpy", "--python", sys.executable, "--turns", 11]
TOKENS, INPUTS, OUTPUTS = 2, 1000, 100_000


def sentence(done, code, *words):
    """A run that must have failed so, with one sentence; the JVM's own warnings do not count."""
    said = "\n".join(line for line in done.stderr.splitlines() if "[warning]" not in line)
    require(done.returncode == code, f"exit code {done.returncode}, not {code}: {done.stderr}{done.stdout}")
    require_sentence(said)
    for word in words:
        require(word in said, f"the message does not say {word!r}: {said!r}")


# ---- a small heap ----


def large_inputs(folder):
    """x and weights of 400 MB in Fortran order, and of integers."""
    np.save(folder / "x.npy", np.ones((TOKENS, INPUTS), np.float32))
    np.save(folder / "fortran.npy", np.asfortranarray(np.ones((OUTPUTS, INPUTS), np.float32)))
    np.save(folder / "integers.npy", np.ones((OUTPUTS // 2, INPUTS), np.int64))
    np.save(folder / "down.npy", np.ones((INPUTS, TOKENS), np.float32))
    np.save(folder / "up.npy", np.asfortranarray(np.ones((INPUTS, INPUTS), np.float32)))


def small_heap(java, jar, folder, heap, weight):
    program = Program(java, jar, [f"-Xmx{heap}"])
    out = folder / f"y-{heap}-{weight}.npy"
    for command in ["column", "row"]:
        done = program.run(command, "--x", folder / "x.npy", "--w", folder / weight, "--ranks", 2, "--out", out)
        if done.returncode == 0:
            require(np.all(np.load(out, mmap_mode="r") == INPUTS), f"{command} is wrong")
        else:
            sentence(done, MACHINE, "-Xmx")
    out.unlink(missing_ok=True)


def small_heap_elsewhere(java, jar, folder, heap):
    """The other commands: what needs no more than there is must work."""
    program = Program(java, jar, [f"-Xmx{heap}"])
    mlp = ["mlp", "--x", folder / "x.npy", "--w1", folder / "up.npy", "--w2", folder / "down.npy", "--ranks", 2]
    for arguments in [mlp, ["verify", "--ranks", 2, "--dtype", "f32"], ["doctor"], BENCH, ["--help"]]:
        done = program.run(*arguments)
        if done.returncode != 0:
            sentence(done, MACHINE, "-Xmx")


# ---- standard output ----


def full_output(program, folder, arguments):
    """Nothing can be written: exit code 3 and a sentence."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            program.command + [str(a) for a in arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=300
        )
    done.stdout = ""
    sentence(done, MACHINE, "standard output", "No space left on device")


def reader_gone(program):
    """Nobody wants to read: no message and no failure."""
    end, start = os.pipe()
    os.close(end)
    done = subprocess.run(program.command + ["--help"], stdout=start, stderr=subprocess.PIPE, text=True, timeout=300)
    os.close(start)
    require(done.returncode == 0 and done.stderr == "", f"exit code {done.returncode}: {done.stderr!r}")


# ---- files that become shorter ----


def holds(process, file):
    """Whether a process has opened a file."""
    try:
        return any(os.path.samefile(f"/proc/{process.pid}/fd/{n}", file) for n in os.listdir(f"/proc/{process.pid}/fd"))
    except OSError:
        return False


def shortened(program, file, arguments, wait):
    """Cuts a file some time after the program opened it; says whether the program noticed."""
    size = file.stat().st_size
    process = program.start(*arguments)
    while process.poll() is None and not holds(process, file):
        time.sleep(0.0005)
    time.sleep(wait)
    process.send_signal(signal.SIGSTOP)
    os.truncate(file, 4096)
    process.send_signal(signal.SIGCONT)
    process.stdout_text, process.stderr_text = process.communicate(timeout=300)
    with open(file, "r+b") as again:
        again.truncate(size)
    if process.returncode == 0:
        return False
    done = subprocess.CompletedProcess(arguments, process.returncode, process.stdout_text, process.stderr_text)
    sentence(done, BAD_INPUT, str(file), "shortened while it was read")
    return True


def all_shortened(program, folder, quick):
    ones = np.ones((20_000, 1000), np.float32)
    np.save(folder / "tx.npy", np.ones((4, 1000), np.float32))
    weight, fortran = folder / "tw.npy", folder / "tf.npy"
    np.save(weight, ones)
    np.save(fortran, np.asfortranarray(ones))
    checkpoint = folder / "tw.safetensors"
    write_safetensors(checkpoint, {"w": ("F32", ones)})
    noticed = 0
    rng = random.Random(4)
    for file, name in [(weight, weight), (checkpoint, f"{checkpoint}:w"), (fortran, fortran)]:
        kinds = [[], ["--check"], ["--dtype", "f64"], ["--tp-invariant"], ["--check", "--json"]]
        for options in kinds[:2] if quick else kinds:
            command = rng.choice(["row", "column"])
            arguments = [command, "--x", folder / "tx.npy", "--w", name, "--ranks", 2, *options]
            for wait in [0] if quick else [0, rng.uniform(0, 0.5), rng.uniform(0, 3) if options else 0.1]:
                noticed += shortened(program, file, arguments, wait)
    require(noticed >= (3 if quick else 10), f"only {noticed} runs met the end of a file")


# ---- few threads ----


def few_threads(java, jar, folder, quick):
    """As an ordinary user with few processes: what the JVM itself refuses before the program begins is outside."""
    if os.geteuid() != 0 or not shutil.which("runuser"):
        print("few threads: skipped, because another user's limits need root and runuser")
        return
    place = folder / "nobody"
    home = place / "home"
    home.mkdir(parents=True)
    shutil.copy(jar, place / "tp4j.jar")
    np.save(place / "x.npy", np.ones((2, 6), np.float32))
    np.save(place / "w.npy", np.ones((6, 6), np.float32))
    for path in [*folder.parents, folder, place, home, *place.iterdir()]:
        if str(path).startswith(tempfile.gettempdir() + "/"):
            path.chmod(0o777 if path == home else 0o755)
    layers = ["row --x x.npy --w w.npy --ranks 64", "mlp --x x.npy --w1 w.npy --w2 w.npy --ranks 64"]
    for limit in [20, 30] if quick else [16, 20, 24, 30, 45, 60, 80]:
        for arguments in [*layers, layers[0] + " --check", "verify --ranks 64 --dtype f32", "doctor"]:
            line = f"ulimit -u {limit}; exec {java} -Duser.home={home} -jar tp4j.jar {arguments}"
            done = subprocess.run(
                ["runuser", "-u", "nobody", "--", "bash", "-c", line],
                cwd=place, capture_output=True, text=True, timeout=300,
            )
            if "Error occurred during initialization of VM" in done.stdout + done.stderr:
                continue
            if done.returncode != 0:
                require("Exception" not in done.stderr and "\tat " not in done.stderr, f"{limit}: {done.stderr}")
                require(done.returncode == MACHINE, f"{arguments} at {limit}: exit code {done.returncode}: {done.stderr}")
                require("tp4j: the system refuses a" in done.stderr or arguments == "doctor", done.stderr)


# ---- folders without rights ----


def no_natives(java, jar, folder):
    """A home, or a home and a temporary folder, where nothing can be executed, written, or put."""
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        print("folders without rights: skipped, because unshare -m is not permitted here")
        return
    np.save(folder / "small-x.npy", np.ones((2, 6), np.float32))
    np.save(folder / "small-w.npy", np.ones((4, 6), np.float32))
    bad, good = folder / "bad", folder / "good"
    bad.mkdir()
    good.mkdir()
    layer = ["row", "--x", folder / "small-x.npy", "--w", folder / "small-w.npy", "--ranks", 2]
    for options in ["noexec", "ro", "size=64k"]:
        for settings in [[f"-Duser.home={bad}"], [f"-Duser.home={bad}", f"-Djava.io.tmpdir={bad}"]]:
            if options != "noexec" and len(settings) == 1:
                continue  # another folder serves

            def run(*arguments, more=()):
                command = [java, *settings, *more, "-jar", str(jar), *map(str, arguments)]
                script = 'mount -t tmpfs -o "$1" none "$2" && shift 2 && exec "$@"'
                return subprocess.run(
                    ["unshare", "-m", "sh", "-c", script, "sh", options, str(bad), *command],
                    capture_output=True, text=True, timeout=300,
                )

            for arguments in [layer, ["verify", "--ranks", 2], BENCH]:
                sentence(run(*arguments), MACHINE, "does not load", "-Dorg.bytedeco.javacpp.cachedir=")
            doctor = run("doctor")
            require(doctor.returncode == MACHINE and doctor.stderr == "", f"doctor: {doctor.returncode} {doctor.stderr}")
            for word in ["cpu   OpenBLAS    NO", "-Dorg.bytedeco.javacpp.cachedir=", "memory   heap up to"]:
                require(word in doctor.stdout, f"doctor does not say {word!r}: {doctor.stdout}")
            mended = run(*layer, more=[f"-Dorg.bytedeco.javacpp.cachedir={good}"])
            require(mended.returncode == 0, f"the mend does not work: {mended.stderr}")


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--jar", default="target/tp4j.jar")
    options.add_argument("--java", default="java")
    options.add_argument("--quick", action="store_true", help="fewer of each kind, in about a minute")
    given = options.parse_args()
    jar = pathlib.Path(given.jar).resolve()
    program = Program(given.java, jar)
    group = cli_blackbox.group
    with tempfile.TemporaryDirectory(prefix="tp4j-") as temporary:
        folder = pathlib.Path(temporary)
        large_inputs(folder)
        np.save(folder / "ones.npy", np.ones((6, 6), np.float32))
        heaps = ["8m"] if given.quick else ["8m", "64m"]
        group(
            "a small heap", 1,
            [(f"-Xmx{h} {w}", lambda h=h, w=w: small_heap(given.java, jar, folder, h, w))
             for h in heaps for w in ["fortran.npy", "integers.npy"]]
            + [(f"-Xmx{h}", lambda h=h: small_heap_elsewhere(given.java, jar, folder, h)) for h in heaps + ["4m"] * (not given.quick)],
        )
        layer = ["row", "--x", folder / "ones.npy", "--w", folder / "ones.npy", "--ranks", 2]
        outputs = [
            layer, [*layer, "--json"], ["verify", "--ranks", 2, "--dtype", "f32"], ["doctor"], ["doctor", "--json"],
            BENCH, ["generate-completion"], ["--help"], ["row", "--help"], ["--version"],
        ]
        group("a full disk under standard output", 2,
              [(" ".join(map(str, a)), lambda a=a: full_output(program, folder, a)) for a in outputs])
        group("a reader that has gone", 1, [("--help", lambda: reader_gone(program))])
        group("files shortened while they are read", 1, [("shortened", lambda: all_shortened(program, folder, given.quick))])
        group("few threads", 1, [("ulimit -u", lambda: few_threads(given.java, jar, folder, given.quick))])
        group("folders without rights", 1, [("unshare -m", lambda: no_natives(given.java, jar, folder))])
    return cli_blackbox.verdict()


if __name__ == "__main__":
    sys.exit(main())
