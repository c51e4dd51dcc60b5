#!/usr/bin/env python3
"""Asks two gateways over the demo lake the same questions by turns, and prints how much longer the
first takes. By turns, because the speed of a shared machine drifts.

    sluice demo --data-dir A --http-addr 127.0.0.1:8081 --grpc-addr 127.0.0.1:0
    other/sluice demo --data-dir B --http-addr 127.0.0.1:8082 --grpc-addr 127.0.0.1:0
    loadtest/side_by_side.py 127.0.0.1:8081=A 127.0.0.1:8082=B [--rounds 60]

Prints, for each question, the median of either in milliseconds and the median of the ratios of its
rounds. One caller, one connection: it measures latency, not load.
"""

import argparse
import http.client
import json
import pathlib
import statistics
import time
import urllib.parse


def rows(**parameters):
    return "/v1/tables/flights/rows?" + urllib.parse.urlencode(parameters)


DELAYS = {
    "group_by": ["carrier"],
    "measures": [{"fn": "count", "as": "n"}, {"fn": "avg", "column": "dep_delay", "as": "delay"}],
}
JOIN = "select manufacturer, count(*) n from flights join planes using (tailnum) group by 1 order by n desc limit 5"

QUESTIONS = [
    ("list of tables", "analyst", "/v1/tables", None),
    ("lookup, row filter", "partner", "/v1/tables/flights/rows/5", None),
    ("lookup", "admin", "/v1/tables/flights/rows/200000", None),
    ("first page", "admin", rows(limit=100), None),
    ("first page, filtered", "analyst", rows(limit=100, filter="dep_delay > 60 AND origin = 'JFK'"), None),
    ("first page, arithmetic", "partner", rows(limit=100, filter="100 / (flight_id + 1) >= 0"), None),
    ("ordered by key", "analyst", rows(limit=100, order="flight_id"), None),
    ("ordered by delay", "analyst", rows(limit=100, order="-dep_delay,flight_id"), None),
    ("aggregate", "partner", "/v1/tables/flights/aggregate", DELAYS),
    ("SQL, small", "admin", "/v1/sql", {"sql": "select count(*) as n from airlines"}),
    ("SQL, join", "analyst", "/v1/sql", {"sql": JOIN}),
]


class Gateway:
    def __init__(self, spec):
        address, directory = spec.split("=", 1)
        self.connection = http.client.HTTPConnection(address)
        tokens = pathlib.Path(directory, "tokens")
        self.tokens = {path.stem: path.read_text().strip() for path in tokens.glob("*.jwt")}

    def ask(self, role, target, body):
        headers = {"Authorization": f"Bearer {self.tokens[role]}", "Content-Type": "application/json"}
        began = time.perf_counter()
        self.connection.request("POST" if body else "GET", target, body and json.dumps(body), headers)
        answer = self.connection.getresponse()
        text = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status != 200:
            raise SystemExit(f"{target}: {answer.status} {text.decode()}")
        return took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gateways", nargs=2, metavar="ADDRESS=DATA_DIR")
    parser.add_argument("--rounds", type=int, default=60)
    arguments = parser.parse_args()
    first, second = (Gateway(spec) for spec in arguments.gateways)
    print(f"{'':24} {'first':>9} {'second':>9}   ratio")
    for name, role, target, body in QUESTIONS:
        for gateway in (first, second):
            for _ in range(5):
                gateway.ask(role, target, body)
        pairs = [(first.ask(role, target, body), second.ask(role, target, body)) for _ in range(arguments.rounds)]
        medians = [statistics.median(column) for column in zip(*pairs)]
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"{name:24} {medians[0]:6.1f} ms {medians[1]:6.1f} ms   {ratio:.2f}")


if __name__ == "__main__":
    main()
