"""slurm_cluster.py: a Slurm of two nodes on this host, with daemons of its own in a folder of its own.

Each node sees its own /tmp, as two hosts would, where mount namespaces are allowed; without them only mpirun works.
Needs root, and Debian's slurm-wlm and munge."""
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

NODES = ("n1", "n2")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "unshare")
# Both "hosts" have one address: what is meant for a network must go through the loopback device.
MPI = {"OMPI_MCA_btl": "self,tcp", "OMPI_MCA_pml": "ob1", "OMPI_MCA_btl_tcp_if_include": "lo"}

# cred_expire: a requeued job waits so long (default: 120 s).  An old credential cannot be replayed within it.
# SlurmdTimeout: a lost node is not missed by Slurm before a test says so (node_is_missed).
CONF = """
ClusterName=tombola
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=5
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SlurmdTimeout=120
KillWait=3
ReturnToService=2
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=8 RealMemory=16000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=8 RealMemory=16000
PartitionName=main Nodes=n1,n2 Default=YES
"""

# The project may itself lie in /tmp: it is mounted again over the empty one.
OWN_TMP = 'cd "$0" && mount -t tmpfs tmpfs /tmp && mkdir -p "$0" && mount -c --bind . "$0" && cd "$0" && exec "$@"'


def missing():
    """Why there can be no cluster here; empty if there can."""
    if os.geteuid() != 0:
        return "not root"
    absent = [p for p in PROGRAMS if not shutil.which(p)]
    return f"no {', '.join(absent)}: apt-get install slurm-wlm munge" if absent else ""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def processes(word):
    """{pid: parent} of those that have the word NAME=VALUE in their environment."""
    found = {}
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if word.encode() in environ.read_bytes().split(b"\0"):
                stat = (environ.parent / "stat").read_text()
                found[int(environ.parent.name)] = int(stat.rpartition(")")[2].split()[1])
        except OSError:
            pass  # it has ended
    return found


def end(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Cluster:
    """with Cluster(folder) as c: daemons run; afterwards nothing of them is left."""

    def __init__(self, folder, root):
        self.folder, self.root = Path(folder), Path(root)
        self.daemons = {}
        self.own_tmp = ["unshare", "-m", "sh", "-c", OWN_TMP, str(root)]
        self.has_own_tmp = subprocess.run([*self.own_tmp, "true"], capture_output=True).returncode == 0
        self.conf = self.folder / "slurm.conf"
        self.env = dict(os.environ, **MPI, SLURM_CONF=str(self.conf))

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "state").mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        host = socket.gethostname().partition(".")[0]
        conf = CONF.format(host=host, folder=self.folder, ports=free_ports(3))
        self.conf.write_text(conf)
        try:
            at = [f"--{what}={self.folder}/munge.{what.partition('-')[0]}" for what in ("pid-file", "log-file", "seed-file")]
            self.start("munged", "munged", "--foreground", "--force", f"--key-file={key}",
                       f"--socket={self.folder}/munge.sock", *at)
            self.until((self.folder / "munge.sock").exists, 10, "munged does not start")
            self.start("slurmctld", "slurmctld", "-D")
            for node in NODES:
                self.start_node(node)
            self.until(lambda: self.call("sinfo", "-h", "-o", "%t %D") == "idle 2", 30, "the nodes do not come up")
        except BaseException:
            self.__exit__()
            raise
        self.started = time.monotonic()
        return self

    def __exit__(self, *_):
        for daemon in self.daemons.values():
            daemon.kill()
        mine = True
        while mine:  # who was just being started is found the next time
            mine = processes(f"SLURM_CONF={self.conf}")
            end(mine)
        for daemon in self.daemons.values():
            daemon.wait()

    def start(self, name, *command):
        log = open(self.folder / f"{name}.out", "a")
        self.daemons[name] = subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                              cwd=self.root)

    def start_node(self, node):
        (self.folder / f"spool.{node}").mkdir(exist_ok=True)
        prefix = self.own_tmp if self.has_own_tmp else []
        self.start(node, *prefix, "slurmd", "-D", "-N", node)

    def kill_node(self, node):
        """Its slurmd and all that this started, at once, as if somebody had pulled the plug."""
        self.daemons[node].kill()
        steps = processes(f"SLURM_CONF={self.conf}")
        own = {pid: parent for pid, parent in processes(f"SLURMD_NODENAME={node}").items() if pid in steps}
        end([parent for parent in own.values() if parent in steps])  # slurmstepd, which does not name its node
        end(own)
        self.daemons.pop(node).wait()

    def node_is_missed(self, node):
        """What Slurm does with a node that has not answered for SlurmdTimeout."""
        self.call("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=lost", check=True)

    def ranks(self, job):
        """{rank: pid} of the processes that a job trains with, whatever started them."""
        found = {}
        for pid in processes(f"SLURM_JOB_ID={job}"):
            try:
                environ = dict(word.partition("=")[::2] for word in Path(f"/proc/{pid}/environ").read_text().split("\0"))
                if "OMPI_COMM_WORLD_RANK" in environ or "SLURM_STEP_ID" in environ and "PMIX_RANK" in environ:
                    found[int(environ["PMIX_RANK"])] = pid
            except OSError:
                pass  # it has ended
        return found

    def call(self, *command, check=False):
        """What a Slurm command prints, without the space around it."""
        done = subprocess.run(command, env=self.env, cwd=self.root, capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        return done.stdout.strip()

    def sbatch(self, *args, **env):
        """Submit; returns the job's id."""
        env = [f"{key}={value}" for key, value in env.items()]
        return self.call("env", *env, "sbatch", "--parsable", *map(str, args), check=True)

    def facts(self, job):
        """What `scontrol show job` says, by its keys."""
        return dict(word.partition("=")[::2] for word in self.call("scontrol", "show", "job", job).split())

    def state(self, job):
        """PENDING, RUNNING, ... or the last state of a job that has ended; with its exit code: "FAILED 75"."""
        facts = self.facts(job)
        return f"{facts.get('JobState', 'UNKNOWN')} {facts.get('ExitCode', '?').partition(':')[0]}"

    def ended(self, job):
        return not self.state(job).startswith(("PENDING", "RUNNING", "COMPLETING", "REQUEUE"))

    def until(self, condition, seconds, otherwise):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{otherwise} after {seconds} s")
            time.sleep(0.1)
