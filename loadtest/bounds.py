#!/usr/bin/env python3
"""Measures two times that a gateway over the demo lake keeps short: how long it takes to refuse what is
made to break it, and how long a query goes on whose caller has left.

    sluice demo --data-dir A --http-addr 127.0.0.1:8081
    loadtest/bounds.py 127.0.0.1:8081=A

Prints milliseconds. A query has ended when /metrics counts it as cancelled and no slot is taken; that is
looked at over and over, so that the time of one look is part of each figure.
"""

import argparse
import http.client
import json
import pathlib
import re
import socket
import time

ROWS = "/v1/tables/flights/query"


def in_brackets(text, depth):
    return "(" * depth + text + ")" * depth


def deep(depth):
    return '{"filter":' + '{"not":' * depth + "1" + "}" * depth + "}"


REFUSALS = [
    ("100,000 ORs", ROWS, {"filter": " OR ".join(["day=1"] * 100_000)}),
    ("100,000 ORs in SQL", "/v1/sql", {"sql": "select 1 from flights where " + " OR ".join(["day=1"] * 100_000)}),
    ("IN list of 1,000,000", ROWS, {"filter": "day IN (" + ",".join(map(str, range(1_000_000))) + ")"}),
    ("IN list of 140,000, within the body limit", ROWS, {"filter": "day IN (" + ",".join(["123456"] * 140_000) + ")"}),
    ("5,000 parentheses", ROWS, {"filter": in_brackets("day = 1", 5_000)}),
    ("5,000 NOTs", ROWS, {"filter": "NOT " * 5_000 + "day = 1"}),
    ("tree of 5,000 levels", ROWS, deep(5_000)),
    ("repeat of 2,000,000,000", "/v1/sql", {"sql": "select repeat('x', 2000000000) as x"}),
]

SELF_JOIN = "flights a join flights b on a.month = b.month and a.carrier = b.carrier"
QUERIES = [
    ("planning", "select count(*) n from airlines where " + " or ".join(f"length(name) = {i}" for i in range(300))),
    ("scan", "select count(*) n from flights where regexp_like(tailnum || dest || origin, '(N|M).*[0-9]{2}.*(A|B)+.*Z.*Q$')"),
    ("join", f"select count(*) n from {SELF_JOIN} where a.distance * b.dep_delay > b.distance * a.arr_delay"),
    ("sort", f"select a.flight_id, a.tailnum || b.tailnum t from {SELF_JOIN} and a.day = b.day order by t desc limit 10"),
    ("aggregate", f"select count(distinct a.tailnum || b.tailnum) n from {SELF_JOIN}"),
    ("serialization", "select * from flights limit 99000"),
]
WAITS_S = [0.01, 0.03, 0.1, 0.3, 1.0]
GIVE_UP_S = 10


class Gateway:
    def __init__(self, spec):
        self.address, directory = spec.split("=", 1)
        self.token = pathlib.Path(directory, "tokens/admin.jwt").read_text().strip()
        self.metrics = http.client.HTTPConnection(self.address)

    def head(self, target, length):
        return (
            f"POST {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {self.token}\r\n"
            f"content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        ).encode()

    def connect(self):
        host, port = self.address.split(":")
        return socket.create_connection((host, int(port)))

    def refuse(self, target, body):
        connection = http.client.HTTPConnection(self.address)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection.connect()
        began = time.perf_counter()
        try:
            connection.request("POST", target, body, headers)
        except BrokenPipeError:
            pass  # The answer came before the body was sent.
        answer = connection.getresponse()
        code = json.loads(answer.read()).get("code")
        return answer.status, code, (time.perf_counter() - began) * 1000

    def counts(self):
        self.metrics.request("GET", "/metrics")
        text = self.metrics.getresponse().read().decode()
        total = lambda pattern: sum(float(found) for found in re.findall(pattern, text, re.M))
        running = total(r"^sluice_queries_running\{[^}]*\} (\S+)$")
        cancelled = total(r"^sluice_queries_total\{[^}]*cancelled[^}]*\} (\S+)$")
        return running, cancelled, total(r"^sluice_queries_total\{[^}]*\} (\S+)$") - cancelled

    def leave(self, sql, wait_s):
        """Milliseconds from the caller's leaving to the query's end; None if it had ended before."""
        body = json.dumps({"sql": sql}).encode()
        _, cancelled_before, ended_before = self.counts()
        caller = self.connect()
        caller.sendall(self.head("/v1/sql", len(body)) + body)
        time.sleep(wait_s)
        began = time.perf_counter()
        caller.close()
        while time.perf_counter() - began < GIVE_UP_S:
            running, cancelled, ended = self.counts()
            if ended > ended_before:
                return None
            if running == 0 and cancelled > cancelled_before:
                return (time.perf_counter() - began) * 1000
        raise SystemExit(f"a query goes on for {GIVE_UP_S} s after its caller has left: {sql}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gateway", help="host:port=data directory of its demo")
    gateway = Gateway(parser.parse_args().gateway)
    print(f"{'refused':45} {'status':>6}  {'ms':>6}  code")
    for what, target, body in REFUSALS:
        body = body if isinstance(body, str) else json.dumps(body)
        status, code, took = gateway.refuse(target, body)
        print(f"{what:45} {status:6}  {took:6.0f}  {code}")
    print(f"\n{'caller leaves after (ms)':25}", *(f"{wait * 1000:6.0f}" for wait in WAITS_S))
    for what, sql in QUERIES:
        times = [gateway.leave(sql, wait) for wait in WAITS_S]
        print(f"{what:25}", *("  over" if took is None else f"{took:6.0f}" for took in times))


if __name__ == "__main__":
    main()
