"""What the scripts of this folder share: the laboratory of shaped networks, and medians.

The laboratory (namespaces, links with delay, loss and rate, nodes in them) is
`network/daemons/lab.py` of the folder that CHASKI_BENCH names, by default
`../shared/bench` beside this repository. CHASKI names the binary, by default the
release build of this repository; BENCH_DATA a scratch folder that exists.
"""
import os
import pathlib
import statistics
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
BENCH = pathlib.Path(os.environ.get("CHASKI_BENCH", TOP / ".." / "shared" / "bench"))
LAB = BENCH / "network" / "daemons"
if not (LAB / "lab.py").is_file():
    sys.exit(f"no laboratory at {LAB}: set CHASKI_BENCH to the folder that holds network/daemons/lab.py")
os.environ.setdefault("CHASKI", str(TOP / "target" / "release" / "chaski"))
data = os.environ.setdefault("BENCH_DATA", os.path.expanduser("~/.cache/chaski-bench"))
os.makedirs(data, exist_ok=True)
sys.path.insert(0, str(LAB))

import lab  # noqa: E402


def spread(values):
    """Count, median, 90th hundredth and largest of some numbers."""
    if not values:
        return dict(n=0)
    ranked = sorted(values)
    return dict(
        n=len(ranked),
        median=round(statistics.median(ranked), 3),
        p90=round(ranked[int(len(ranked) * 0.9)], 3),
        max=round(ranked[-1], 3),
    )


def drop_caches():
    """Forgets what the system holds of files, so that what is read is read from the disk."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3\n")
