#!/usr/bin/env python3
"""newcomers.py NAME ROUNDS [DELAY_MS LOSS_PERCENT KBIT]: newcomers whom others do not know yet.

In each round a node joins at the hub and brings 20 records. In turns it syncs
with the hub, or with a third node that has not been told of it. Then an old
member, who has met neither, syncs with the hub: it must receive the 20 records
once, refuse nothing, and be in sync; so must the third node in the end. Without
a link's figures all are on one switch; with them the hub is behind that link
(one way's delay, loss each way, rate each way).

Root, because it makes network namespaces. Exit status 1 where a round failed.
"""
import json
import sys
import time

from bench import lab, spread

name, rounds = sys.argv[1], int(sys.argv[2])
delay, loss, kbit = (float(x) for x in (sys.argv[3:6] or (0, 0, 0)))
tag = f"nw{name}"
sync_max = 180

if kbit:
    lab.mkns(tag + "h")
    lab.mkns(tag + "s")
    link = lab.Link(tag, tag + "h", "10.84.1.1", tag + "s", "10.84.1.2", delay, loss, kbit)
    there, here = (tag + "h", "10.84.1.1"), (tag + "s", "10.84.1.2")
else:
    link = None
    nets = lab.lan(tag, ["h", "s"], "10.84.2")
    there, here = nets["h"], nets["s"]

hub = lab.Node(tag, "hub", *there)
hub.init()
hub.serve().wait_up()
hub.imp(lab.recs("hub", 100))
old, third = lab.Node(tag, "old", *here), lab.Node(tag, "third", *here)
for node in (old, third):
    node.join(hub.invite())
third.serve("--link", "2g") if kbit and kbit < 100 else third.serve()
third.wait_up()


def sync(node, where):
    said = node.cli("sync", where, "--json", check=False)
    try:
        return json.loads(said.splitlines()[-1]), node.rc
    except (ValueError, IndexError):
        return dict(reason=(said + node.err)[-300:]), node.rc


def is_well(report, code):
    return code == 0 and report.get("in_sync") and not report.get("refused") and not report.get("awaiting")


def wait_for(what, seconds=sync_max):
    end = time.time() + seconds
    while time.time() < end:
        if what():
            return True
        time.sleep(0.2)
    return False


sync(old, "hub")
wait_for(lambda: third.status()["records"] == 100)
failed, seconds, in_bytes, false_alarms = [], [], [], 0
records = 100
for round_ in range(rounds):
    fault = None
    began = time.time()
    newcomer = lab.Node(tag, f"n{round_}", *here)
    try:
        newcomer.join(hub.invite())
        newcomer.imp(lab.recs(f"c{round_}", 20))
        records += 20
        way = "hub" if round_ % 2 == 0 else third.addr + ":8031"
        first, code = sync(newcomer, way)
        if not is_well(first, code) or first.get("sent_records") != 20:
            fault = dict(who="newcomer", way=way, code=code, report=first)
        # What the third node says of the hub while it hears of the newcomer.
        if any(p.get("quarantined") or p.get("refused") for p in third.status()["peers"]):
            false_alarms += 1
            fault = fault or dict(who="third", peers=third.status()["peers"])
        if not wait_for(lambda: hub.status()["records"] == records):
            fault = fault or dict(who="hub", records=hub.status()["records"], of=records)
        report, code = sync(old, "hub")
        in_bytes.append(report.get("bytes_in", 0))
        if not is_well(report, code) or report.get("received_records") != 20 or report.get("sent_records"):
            fault = fault or dict(who="old", code=code, report=report)
    except RuntimeError as error:
        fault = dict(who="round", error=str(error)[-300:])
    seconds.append(time.time() - began)
    if fault:
        failed.append(dict(round=round_, **fault))
        lab.out(failed=failed[-1])
wait_for(lambda: third.status()["records"] == records)
met = third.status()
lab.out(
    rounds=rounds,
    delay=delay,
    loss=loss,
    kbit=kbit,
    failed=len(failed),
    false_alarms=false_alarms,
    third_equal=met["fingerprint"] == hub.status()["fingerprint"],
    third_says=[(p["name"], p["in_sync"]) for p in met["peers"] if p["name"] == "hub"],
    seconds=spread(seconds),
    old_bytes_in=spread(in_bytes),
)
sys.exit(1 if failed else 0)
