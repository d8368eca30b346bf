#!/usr/bin/env python3
"""windows.py NAME KBIT UP_S DOWN_S LIMIT_S: a first sync of 3,000 records over a link that is up only now and then.

The link has a round trip of 300 ms and 1 % loss, at 30 kbit/s and below 600 ms
and 2 %. UP_S of 0: it is never cut. Tells the seconds until the new node holds
all, for how long the link was up in them, the bytes the hub's side delivered
(compare with a run that is not cut: the rest is waste), and after each opening
when the first byte and the first record came.

Root, because it makes network namespaces.
"""
import sys
import time

from bench import lab, spread

name, kbit, up, down, limit = sys.argv[1], *(float(x) for x in sys.argv[2:6])
delay, loss = (300, 2) if kbit <= 30 else (150, 1)
tag = f"wi{name}"
lab.mkns(tag + "h")
lab.mkns(tag + "a")
link = lab.Link(tag, tag + "h", "10.83.7.1", tag + "a", "10.83.7.2", delay, loss, kbit)
hub, team = lab.Node(tag, "h", tag + "h", "10.83.7.1"), lab.Node(tag, "a", tag + "a", "10.83.7.2")
hub.init()
hub.serve().wait_up()
hub.imp(lab.recs("h3", 3000))
team.join(hub.invite())


def delivered():
    return link.stats()["A2B"]["out_bytes"]


def rest(seconds):
    """Sleeps, unless the team's node holds all: then it says so."""
    end = time.time() + seconds
    while time.time() < end:
        if team.status()["records"] >= 3000:
            return True
        time.sleep(0.3)
    return False


before, began, open_for = delivered(), time.time(), 0.0
team.serve().wait_up()
firsts, first_records, done, window = [], [], False, 0
while not done and time.time() - began < limit:
    opened, bytes_then, records_then = time.time(), delivered(), team.status()["records"]
    byte = record = None
    while not up or time.time() - opened < up:
        if byte is None and delivered() > bytes_then + 200:
            byte = time.time() - opened
        records = team.status()["records"]
        if record is None and records > records_then:
            record = time.time() - opened
        if records >= 3000:
            done = True
            break
        if time.time() - began > limit:
            break
        time.sleep(0.3)
    open_for += time.time() - opened
    if window:
        firsts += [byte] if byte is not None else []
        first_records += [record] if record is not None else []
    window += 1
    if not done:
        link.toggle()
        done = rest(down)
        link.toggle()
lab.out(
    kbit=kbit,
    up=up,
    down=down,
    done=done,
    records=team.status()["records"],
    seconds=round(time.time() - began, 1),
    open_seconds=round(open_for, 1),
    windows=window,
    delivered=delivered() - before,
    first_byte=spread(firsts),
    first_record=spread(first_records),
)
sys.exit(0 if done else 1)
