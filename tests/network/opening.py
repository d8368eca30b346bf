#!/usr/bin/env python3
"""opening.py N...: what a node of N records costs to open, to ask, and to stop, with nothing in the system's cache.

For each N a node is made by `import` once (kept in BENCH_DATA/opening-N), then
five times: `status` while nothing runs, `serve` until it answers, and its stop.
Seconds and MB read from the disk, medians; the file's size beside them.

Root, because it drops the system's caches.
"""
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time
import urllib.request

from bench import drop_caches, lab, spread

BIN = os.environ["CHASKI"]
URL = "http://127.0.0.1:18930/"


def read_by(pid):
    for line in open(f"/proc/{pid}/io"):
        if line.startswith("read_bytes"):
            return int(line.split()[1])


def make(count):
    top = pathlib.Path(os.environ["BENCH_DATA"]) / f"opening-{count}"
    keys = ["--data", str(top / "node"), "--key-file", str(top / "key")]
    if not (top / "made").exists():
        subprocess.run(["rm", "-rf", str(top)], check=True)
        top.mkdir()
        subprocess.run([BIN, "init", "--name", "big", "--json", *keys], check=True, stdout=subprocess.DEVNULL)
        with open(top / "records.ndjson", "w") as file:
            for base in range(0, count, 10_000):
                for record in lab.recs("big", min(10_000, count - base), base):
                    file.write(json.dumps(record) + "\n")
        began = time.time()
        subprocess.run([BIN, "import", "--json", *keys, str(top / "records.ndjson")], check=True, stdout=subprocess.DEVNULL)
        lab.out(phase="imported", records=count, seconds=round(time.time() - began, 1))
        os.remove(top / "records.ndjson")
        (top / "made").touch()
    return top, keys


def status(keys):
    drop_caches()
    began = time.time()
    child = subprocess.Popen([BIN, "status", "--json", *keys], stdout=subprocess.PIPE)
    said = json.loads(child.stdout.read())
    _, code, used = os.wait4(child.pid, 0)
    assert code == 0, code
    return said["records"], time.time() - began, used.ru_inblock * 512 / 1e6


def serve(keys):
    drop_caches()
    began = time.time()
    child = subprocess.Popen(
        [BIN, "serve", *keys, "--http", "127.0.0.1:18930", "--quic", "127.0.0.1:18931"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while True:
        try:
            urllib.request.urlopen(URL, timeout=5).read()
            break
        except urllib.error.HTTPError:
            break
        except OSError:
            time.sleep(0.01)
    up, read = time.time() - began, read_by(child.pid) / 1e6
    time.sleep(2)
    began = time.time()
    child.send_signal(signal.SIGTERM)
    child.wait()
    return up, read, time.time() - began


for count in map(int, sys.argv[1:]):
    top, keys = make(count)
    program = os.path.getsize(BIN) / 1e6
    first = status(keys)
    lab.out(phase="first status after the import", records=first[0], seconds=round(first[1], 3), mb_read=round(first[2], 1))
    asked = [status(keys) for _ in range(5)]
    served = [serve(keys) for _ in range(5)]
    size = sum(f.stat().st_size for f in (top / "node").rglob("*") if f.is_file()) / 1e6
    lab.out(
        phase="cold",
        records=asked[0][0],
        program_mb=round(program, 1),
        directory_mb=round(size),
        status_s=spread([a[1] for a in asked]),
        status_mb_read=spread([a[2] for a in asked]),
        serve_s=spread([s[0] for s in served]),
        serve_mb_read=spread([s[1] for s in served]),
        stop_s=spread([s[2] for s in served]),
    )
