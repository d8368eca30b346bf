#!/usr/bin/env python3
"""days.py: what becomes of two clinics on days 340, 399 and 401 when the node that invited them is gone.

Twice: where it was the only one that may, and where a second issuer was named
before. On each day both clinics run by a clock set forward (faketime) and one
syncs with the other: what `status` warns of, why nothing is given, and until
when the grant runs afterwards.

Root, because it makes network namespaces; needs Debian's faketime.
"""
import json
import os

from bench import lab

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
QUIET = ("key and data", "root key", "one issuer alone")


def clock(days):
    return dict(os.environ, LD_PRELOAD=FAKETIME, FAKETIME=f"+{days}d", FAKETIME_DONT_FAKE_MONOTONIC="1")


for number, is_second in enumerate((False, True)):
    tag = f"dy{number}"
    nets = lab.lan(tag, ["h", "a", "c"], f"10.88.{10 + number}")
    hub, a, c = (lab.Node(tag, name, *nets[name]) for name in "hac")
    hub.init()
    hub.serve().wait_up()
    for node in (a, c):
        node.join(hub.invite())
    if is_second:
        hub.cli("issuer", "add", "a", "--json")
    for node in (a, c):
        node.cli("sync", "h", "--json")
    hub.stop()
    for day in (0, 340, 399, 401):
        for node in (a, c):
            node.env = clock(day) if day else None
        c.imp(lab.recs(f"day{day}", 5))
        a.serve().wait_up(30)
        said = c.cli("sync", a.addr + ":8031", "--json", check=False)
        code = c.rc
        report = json.loads(said.splitlines()[-1]) if said.strip() else {}
        status = c.status()
        lab.out(
            second_issuer=is_second,
            day=day,
            exit=code,
            in_sync=report.get("in_sync"),
            sent=report.get("sent_records"),
            received=report.get("received_records"),
            reason=report.get("reason"),
            halts=report.get("halts"),
            warnings=[w for w in status["warnings"] if not any(q in w.lower() for q in QUIET)],
            grant_ends={p["name"]: p["grant_ends"] for p in status["peers"] if p["name"] == "a"},
            listed=c.cli("peer", "list").splitlines(),
        )
        a.stop()
