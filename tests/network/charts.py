#!/usr/bin/env python3
"""charts.py MEMBERS...: what a patient's chart costs, by how many members the network has.

One hub; members join until there are as many as said; the chart of a patient of
20 records, each written by another member, is asked for 200 times as a signed-in
clinician. CPU milliseconds of the hub a chart, and wall milliseconds.

Root, because the laboratory's folder is its own.
"""
import http.client
import os
import re
import subprocess
import sys
import time
import json

from bench import lab, spread

BIN = os.environ["CHASKI"]
top = os.environ["BENCH_DATA"] + "/charts"
subprocess.run(["rm", "-rf", top], check=True)
os.makedirs(top)
HTTP, QUIC = "127.0.0.1:18950", "127.0.0.1:18951"


def keys(name):
    return ["--data", f"{top}/{name}", "--key-file", f"{top}/{name}.key"]


def run(*command):
    return subprocess.run([BIN, *command], check=True, capture_output=True, text=True).stdout


def cpu(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


run("init", "--name", "hub", "--json", *keys("hub"))
hub = subprocess.Popen([BIN, "serve", *keys("hub"), "--http", HTTP, "--quic", QUIC], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
lab.KIDS.append(hub)
time.sleep(2)
token = json.loads(run("token", "create", "--role", "clinician", "--name", "lab", "--json", *keys("hub")))["token"]
patient = lab.u("chart-p0")
cookies = {}


def ask(method, path, body=None):
    connection = http.client.HTTPConnection(HTTP, timeout=60)
    headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items()), "Origin": f"http://{HTTP}"}
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    for cookie in answer.headers.get_all("set-cookie") or []:
        key, value = cookie.split(";")[0].split("=", 1)
        cookies[key] = value
    return answer.status, text


_, page = ask("GET", "/login")
csrf = re.search(r'name="csrf" value="([^"]+)"', page).group(1)
code, _ = ask("POST", "/login", f"csrf={csrf}&token={token}&next=/")
assert code == 303, code

members = 1
for wanted in map(int, sys.argv[1:]):
    while members < wanted:
        name = f"m{members}"
        ticket = json.loads(run("invite", *keys("hub"), "--addr", QUIC, "--json"))["ticket"]
        run("join", ticket, "--name", name, "--json", *keys(name))
        if members < 20:
            # A record of the same patient from each of the first nineteen.
            record = lab.recs("chart", 21)[members]
            if members == 1:
                open(f"{top}/one.nd", "w").write(json.dumps(lab.recs("chart", 1)[0]) + "\n")
                run("import", "--json", *keys(name), f"{top}/one.nd")
            record["subject"]["reference"] = "Patient/" + patient
            open(f"{top}/one.nd", "w").write(json.dumps(record) + "\n")
            run("import", "--json", *keys(name), f"{top}/one.nd")
        run("sync", "hub", "--json", *keys(name))
        members += 1
    if wanted == 1:
        # The same chart, all of it written here.
        with open(f"{top}/all.nd", "w") as file:
            for record in lab.recs("alone", 20):
                file.write(json.dumps(record) + "\n")
        run("import", "--json", *keys("hub"), f"{top}/all.nd")
    path = f"/patients/{lab.u('alone-p0') if wanted == 1 else patient}"
    code, page = ask("GET", path)
    assert code == 200, (code, path)
    walls, before = [], cpu(hub.pid)
    for _ in range(200):
        began = time.time()
        ask("GET", path)
        walls.append((time.time() - began) * 1000)
    lab.out(members=wanted, bytes=len(page), cpu_ms_a_chart=round((cpu(hub.pid) - before) * 1000 / 200, 2), wall_ms=spread(walls))
