#!/usr/bin/env python3
"""Measures what the gateway holds in memory while it streams a table of 60 million rows over gRPC, to a reader that
reads as fast as it can and to readers that hardly read.

    loadtest/streams.py --sluice target/release/sluice --directory /tmp/streams

Makes the demo lake in the directory, and beside its flights a table `many` of the same data files, each 180 times, by
hard links. Wants the packages of tests/python/requirements.txt. Prints resident memory (MiB) as the system counts it,
sampled all the while.
"""

import argparse
import contextlib
import importlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import grpc
import grpc_tools
import pyarrow.ipc
from grpc_tools import protoc

COPIES = 180
READER_SECONDS = 20
PAUSE_S = 0.5
PORTS = ["--http-addr", "127.0.0.1:18090", "--grpc-addr", "127.0.0.1:18091"]
GRPC = "127.0.0.1:18091"


def multiply(lake):
    """The table `many`: every file of `flights`, over and over."""
    source, many = lake / "flights", lake / "many"
    log = sorted((source / "_delta_log").glob("*.json"))
    actions = [json.loads(line) for commit in log for line in commit.read_text().splitlines()]
    kept = [action for action in actions if "protocol" in action or "metaData" in action]
    adds = [action["add"] for action in actions if "add" in action]
    (many / "_delta_log").mkdir(parents=True)
    with open(many / "_delta_log" / f"{0:020}.json", "w") as commit:
        for action in kept:
            print(json.dumps(action), file=commit)
        for copy in range(COPIES):
            for add in adds:
                folder, name = add["path"].rsplit("/", 1)
                (many / folder).mkdir(exist_ok=True)
                os.link(source / add["path"], many / folder / f"{copy:03}-{name}")
                print(json.dumps({"add": {**add, "path": f"{folder}/{copy:03}-{name}"}}), file=commit)
    return COPIES * sum(json.loads(add["stats"])["numRecords"] for add in adds)


def prepare(sluice, directory):
    """The demo with one more table; its configuration and the rows of the table."""
    shutil.rmtree(directory, ignore_errors=True)
    with served([sluice, "demo", "--data-dir", directory, *PORTS]):
        pass
    rows = multiply(directory / "lake")
    config = directory / "sluice.yaml"
    text = config.read_text().replace("127.0.0.1:8080", PORTS[1]).replace("127.0.0.1:50051", PORTS[3])
    config.write_text(text.replace("  tables:\n", "  tables:\n    - { name: many, location: lake/many }\n", 1))
    return config, rows


@contextlib.contextmanager
def served(command):
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as gateway:
        channel = grpc.insecure_channel(GRPC)
        grpc.channel_ready_future(channel).result(timeout=120)
        yield gateway, channel
        channel.close()
        gateway.terminate()


class Resident:
    """The largest resident memory while it is watched, in MiB."""

    def __init__(self, pid):
        self.path, self.most, self.over = pathlib.Path(f"/proc/{pid}/status"), 0, threading.Event()

    def now(self):
        line = next(line for line in self.path.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) // 1024

    def __enter__(self):
        self.most, self.over = self.now(), threading.Event()
        self.watch = threading.Thread(target=self.run)
        self.watch.start()
        return self

    def run(self):
        while not self.over.wait(0.02):
            self.most = max(self.most, self.now())

    def __exit__(self, *_):
        self.over.set()
        self.watch.join()


class Parts:
    """The messages of a stream as a file of Arrow IPC."""

    closed = False

    def __init__(self, parts):
        self.parts, self.rest = parts, memoryview(b"")

    def read(self, size=-1):
        while size < 0 or len(self.rest) < size:
            part = next(self.parts, None)
            if part is None:
                break
            self.rest = memoryview(bytes(self.rest) + part.arrow_ipc)
        taken, self.rest = self.rest[:size], self.rest[size:]
        return bytes(taken)


def client():
    made = tempfile.mkdtemp()
    proto = pathlib.Path(__file__).parent.parent / "proto"
    files = [str(path) for path in (proto / "sluice" / "v1").glob("*.proto")]
    known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    assert protoc.main(["protoc", f"-I{proto}", f"-I{known}", f"--python_out={made}", f"--grpc_python_out={made}", *files]) == 0
    sys.path.insert(0, made)
    return [importlib.import_module(f"sluice.v1.{name}") for name in ("query_pb2", "query_pb2_grpc", "filter_pb2")]


def read_slowly(stream, seconds):
    """Takes a message now and then; gives how many."""
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end and next(stream, None) is not None:
        count += 1
        time.sleep(PAUSE_S)
    stream.cancel()
    return count


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--sluice", required=True, help="the binary")
    asked.add_argument("--directory", required=True, type=pathlib.Path, help="is made anew")
    args = asked.parse_args()
    query, query_grpc, filters = client()
    config, rows = prepare(args.sluice, args.directory)
    token = (args.directory / "tokens" / "admin.jwt").read_text().strip()
    metadata = [("authorization", f"Bearer {token}")]
    whole = query.StreamRowsRequest(table="many", format=2)
    sorted_rows = query.StreamRowsRequest(
        table="many", format=2, order=filters.Order(text="-dep_delay"), where=filters.Condition(text="month = 1")
    )
    with served([args.sluice, "serve", "--config", config]) as (gateway, channel):
        asks, resident = query_grpc.QueryStub(channel), Resident(gateway.pid)
        print(f"{rows:,} rows; at rest {resident.now()} MiB")
        with resident:
            began, read = time.monotonic(), 0
            parts = asks.StreamRows(whole, metadata=metadata)
            next(parts)
            for batch in pyarrow.ipc.open_stream(Parts(parts)):
                read += batch.num_rows
            seconds = time.monotonic() - began
        assert read == rows, f"{read} rows were read"
        print(f"read whole in {seconds:.0f} s ({rows / seconds / 1e6:.2f} million rows a second): {resident.most} MiB")
        for count in (1, 4):
            with resident:
                streams = [asks.StreamRows(whole, metadata=metadata) for _ in range(count)]
                readers = [threading.Thread(target=read_slowly, args=(one, READER_SECONDS)) for one in streams]
                [reader.start() for reader in readers]
                [reader.join() for reader in readers]
            print(f"{count} that take a message each {PAUSE_S} s, for {READER_SECONDS} s: {resident.most} MiB")
        with resident:
            began, read = time.monotonic(), 0
            parts = asks.StreamRows(sorted_rows, metadata=metadata)
            next(parts)
            for batch in pyarrow.ipc.open_stream(Parts(parts)):
                read += batch.num_rows
            seconds = time.monotonic() - began
        print(f"{read:,} rows in an order that is not the files', in {seconds:.0f} s: {resident.most} MiB")


main()
