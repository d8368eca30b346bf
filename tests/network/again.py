#!/usr/bin/env python3
"""again.py: what it costs to be in touch again, and what a cut makes go twice.

Two daemons that hold the same, on a switch:
- one after the other is stopped and started;
- the cable of one is out for 20 s, then for 150 s (by then both have given the connection up);
- a team carries 500 records of each to the other while the cable is out;
- the same by stick, read within a second.

Bytes are those of the interface of one of them, Ethernet headers and the first
seconds' questions included; one copy of what was carried is some 60 KB each way.

Root, because it makes network namespaces.
"""
import os
import time

from bench import lab

nets = lab.lan("ag", ["h", "c", "m"], "10.83.0")
hub, clinic, team = (lab.Node("again", name, *nets[name]) for name in "hcm")
hub.init()
hub.serve().wait_up()
hub.imp(lab.recs("base", 1000))
for node in (clinic, team):
    node.join(hub.invite())
clinic.serve().wait_up()
team.cli("sync", "h", "--json")
time.sleep(4)


def cable(node, state):
    lab.sh(f"ip -n agsw link set vag{node.name} {state}")


def met(of, act, seconds=7):
    """What goes over an interface from `act` on until both have been in touch for a while."""
    before = of.ifc()
    act()
    time.sleep(seconds)
    after = of.ifc()
    return dict(
        out=after[0] - before[0],
        into=after[2] - before[2],
        in_sync=clinic.peer("h")["in_sync"] and hub.peer("c")["in_sync"],
        equal=clinic.status()["fingerprint"] == hub.status()["fingerprint"],
    )


for node in (clinic, hub, clinic, hub):
    node.stop()
    time.sleep(3)
    lab.out(step="started again", node=node.name, **met(clinic, lambda: node.serve().wait_up()))
for seconds in (20, 150):
    cable(clinic, "down")
    time.sleep(seconds)
    lab.out(step="cable in again", seconds=seconds, **met(hub, lambda: cable(clinic, "up")))

cable(clinic, "down")
hub.imp(lab.recs("h", 500))
clinic.imp(lab.recs("c", 500))
time.sleep(3)
team.cli("sync", "h", "--json")
cable(hub, "down")
cable(clinic, "up")
time.sleep(1)
team.cli("sync", clinic.addr + ":8031", "--json")
cable(clinic, "down")
cable(hub, "up")
time.sleep(1)
team.cli("sync", "h", "--json")
lab.out(step="a team carried 500 each way", **met(hub, lambda: cable(clinic, "up")))

cable(clinic, "down")
time.sleep(1)
hub.imp(lab.recs("hs", 500))
clinic.imp(lab.recs("cs", 500))
for writer, reader in ((hub, clinic), (clinic, hub)):
    path = os.path.join(lab.ROOT, "again", f"to-{reader.name}")
    writer.cli("parcel", "write", path, "--force", "--to", reader.name, "--json")
    reader.cli("parcel", "read", path, "--json")
lab.out(step="a stick carried 500 each way", **met(hub, lambda: cable(clinic, "up")))
