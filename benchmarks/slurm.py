"""A sweep on a real Slurm queue, with a worker and the controller killed in its midst, against the same sweep undisturbed.

Usage, as root on Debian: apt-get install slurm-wlm munge; pip install -e ".[sweep]" dask-jobqueue
    python -m benchmarks.slurm [--folder slurm-trial] [--jobs 2] [--points 20]

It starts a cluster of one node (munged, slurmctld, slurmd) with configuration, key and sockets of its own in the folder,
runs the sweep by dask-jobqueue, kills the process of a worker (SIGKILL) after a quarter of the points, the process that
holds dask's scheduler and writes the store after a half, and runs the same line again. It prints what it did, and whether
the results are identical to those of a run in this process; it ends with status 1 if they are not.
"""

import argparse
import functools
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch

import crossbar as xb

CONFIGURATION = """\
ClusterName=trial
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_interval=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={jobs} RealMemory={memory} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def point(parameters, *, generator):
    """The error of a product on one chip; the pause leaves time to be killed at work."""
    config = xb.CrossbarConfig(device=xb.devices.RRAM_MILO_2021, wires=xb.Wires(row=parameters["wires"]))
    torch.manual_seed(0)
    layer = xb.AnalogLinear(48, 32, config=config).eval()
    xb.program_analog_weights(layer, generator=generator)
    inputs = torch.rand(16, 48)
    with torch.no_grad():
        wanted, got = torch.nn.functional.linear(inputs, layer.weight, layer.bias), layer(inputs)
    time.sleep(0.5)
    return {"error": float((got - wanted).norm() / wanted.norm())}


def sweep(points):
    """Wires of 0 to 20 ohm, on two chips."""
    axis = {"values": torch.linspace(0, 20, points).tolist(), "units": "ohm"}
    return xb.Sweep(axes={"wires": axis}, outputs={"error": {"units": "1"}}, trials=2, seed=0)


def sign_in(folder):
    """Called once in every worker: one torch thread, and a file that says which process works."""
    torch.set_num_threads(1)
    (folder / "workers" / str(os.getpid())).touch()


def control(folder, jobs, points):
    """What a user runs on the login node: a queue of workers, and the sweep."""
    from dask_jobqueue import SLURMCluster
    from distributed import Client

    options = {"log_directory": str(folder / "jobs"), "local_directory": str(folder), "death_timeout": 60}
    options["scheduler_options"] = {"dashboard_address": ":0"}
    with (
        SLURMCluster(cores=1, memory="1GB", walltime="01:00:00", python=sys.executable, **options) as cluster,
        Client(cluster) as client,
    ):
        cluster.scale(jobs=jobs)
        setup = functools.partial(sign_in, folder)
        sweep(points).run(point, folder / "slurm.zarr", client.get_executor(), setup=setup)


def free_ports(number):
    """Ports that nothing listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def daemon(name, *options, environment):
    """One of the daemons, in the foreground, ended when the block ends."""
    log = Path(environment["SLURM_CONF"]).with_name(f"{name}.log")
    with log.open("w") as file:
        process = subprocess.Popen(
            [shutil.which(name) or name, *options], stdout=file, stderr=file, env=environment, start_new_session=True
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=60)


@contextmanager
def slurm(folder, jobs):
    """A cluster of this machine alone; gives the environment in which its commands find it."""
    for name in ("state", "spool", "jobs", "workers"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    text = CONFIGURATION.format(
        host=socket.gethostname(), folder=folder, ports=free_ports(2), jobs=jobs, memory=1200 * jobs
    )
    (folder / "slurm.conf").write_text(text)
    environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
    files = {"key-file": key.name, "socket": "munge.socket", "pid-file": "munged.pid", "seed-file": "munged.seed"}
    munge = ["--foreground", "--force", *(f"--{option}={folder / file}" for option, file in files.items())]
    with (
        daemon("munged", *munge, f"--log-file={folder / 'munge.log'}", environment=environment),
        daemon("slurmctld", "-D", "-f", environment["SLURM_CONF"], environment=environment),
        daemon("slurmd", "-D", "-f", environment["SLURM_CONF"], environment=environment),
    ):
        until(lambda: "idle" in command(environment, "sinfo", "-h", "-o", "%T"), "an idle node", 60)
        yield environment
        command(environment, "scancel", "--user", str(os.getuid()))
        until(lambda: not command(environment, "squeue", "-h"), "an empty queue", 60)


def command(environment, *words):
    """What a Slurm command prints."""
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False).stdout.strip()


def until(holds, what, seconds):
    """Wait for something that a daemon or a worker does."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}; the logs are in the folder")
        time.sleep(0.5)


def points_done(store):
    """How many points are finished, by a look from outside."""
    try:
        return xb.sweep_status(store).done
    except FileNotFoundError:
        return 0


def disturbed(folder, environment, jobs, points):
    """Run on the queue, kill a worker, kill the controller, run again."""
    store = folder / "slurm.zarr"
    words = [sys.executable, "-m", "benchmarks.slurm", "--control", "--folder", str(folder)]
    words += ["--jobs", str(jobs), "--points", str(points)]
    controller = subprocess.Popen(words, env=environment)
    try:
        until(lambda: points_done(store) >= points // 4, "a quarter of the points", 300)
        queue = command(environment, "squeue", "-h", "-t", "RUNNING")
        print(f"{len(queue.splitlines())} jobs run, {points_done(store)} of {points} points done")
        worker = int(next((folder / "workers").iterdir()).name)
        os.kill(worker, signal.SIGKILL)
        print(f"killed a worker (SIGKILL) at {points_done(store)} points")
        until(lambda: points_done(store) >= points // 2, "a half of the points", 300)
    finally:
        controller.kill()
        controller.wait()
    done = points_done(store)
    print(f"killed the controller (SIGKILL) at {done} points")
    command(environment, "scancel", "--user", str(os.getuid()))
    until(lambda: not command(environment, "squeue", "-h"), "an empty queue", 60)
    subprocess.run(words, env=environment, check=True)
    print(f"the same line again computed {points_done(store) - done} points")
    return xb.load_sweep(store)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("slurm-trial"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--control", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    torch.set_num_threads(1)
    if arguments.control:
        logging.getLogger("distributed").setLevel(logging.ERROR)
        control(folder, arguments.jobs, arguments.points)
        return
    folder.mkdir(mode=0o755)
    alone = sweep(arguments.points).run(point, folder / "alone.zarr")
    start = time.monotonic()
    with slurm(folder, arguments.jobs) as environment:
        print(command(environment, "sinfo", "--version"))
        together = disturbed(folder, environment, arguments.jobs, arguments.points)
    seconds = time.monotonic() - start
    print(f"{arguments.points} points, 2 trials each, {arguments.jobs} jobs: {seconds:.0f} s with the kills")
    identical = together.identical(alone)
    print(f"identical to the undisturbed run: {identical}")
    sys.exit(0 if identical else 1)


if __name__ == "__main__":
    main()
