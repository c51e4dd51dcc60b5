"""Writes Delta tables step by step with the deltalake package.

    write.py LOCATION STEP BOOK

Each step changes the table at LOCATION, a directory or a URL, and prints {"version": n, "rows": [...]}:
the rows that the table must hold afterwards, kept in the file BOOK by this script's own bookkeeping and
not read back through the writer.
"""

import datetime
import json
import pathlib
import sys
from decimal import Decimal

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

location, step, book = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
rows = json.loads(book.read_text()) if book.exists() else []

PLAIN = pa.schema([("id", pa.int64()), ("name", pa.string()), ("part", pa.string())])


def numbered(start, count, part="a"):
    return [{"id": i, "name": f"name {i}" if i % 5 else None, "part": part} for i in range(start, start + count)]


def append(new, schema=PLAIN, **options):
    write_deltalake(location, pa.Table.from_pylist(new, schema=schema), mode="append", **options)
    rows.extend(new)


def table():
    return DeltaTable(location)


def create():
    append(numbered(0, 50))


def create_partitioned():
    append(
        numbered(0, 20, "a") + numbered(20, 20, "odd/ part=%20é") + numbered(40, 10, None),
        partition_by=["part"],
    )


def create_mapped():
    options = {"configuration": {"delta.columnMapping.mode": "name"}}
    schema = pa.schema([("id", pa.int64()), ("odd name; {x}=(1)", pa.string())])
    append([{"id": i, "odd name; {x}=(1)": f"v{i}"} for i in range(30)], schema=schema, **options)


def create_mapped_by_id():
    options = {"configuration": {"delta.columnMapping.mode": "id"}}
    append(numbered(0, 30), **options)


def create_with_vectors():
    append(numbered(0, 50), configuration={"delta.enableDeletionVectors": "true"})


def create_typed():
    """Every type that has a JSON form, with extremes and nulls."""
    utc = datetime.timezone.utc
    schema = pa.schema(
        [
            ("id", pa.int64()),
            ("small", pa.int8()),
            ("whole", pa.int32()),
            ("single", pa.float32()),
            ("flag", pa.bool_()),
            ("price", pa.decimal128(20, 4)),
            ("day", pa.date32()),
            ("at", pa.timestamp("us", "UTC")),
            ("local", pa.timestamp("us")),
            ("raw", pa.binary()),
            ("pair", pa.struct([("x", pa.int64()), ("y", pa.string())])),
            ("list", pa.list_(pa.string())),
            ("map", pa.map_(pa.string(), pa.int64())),
        ]
    )
    python_rows = [
        {
            "id": 2**62, "small": -128, "whole": 2**31 - 1, "single": 0.5, "flag": True,
            "price": Decimal("-1234567890123456.7891"), "day": datetime.date(1582, 1, 1),
            "at": datetime.datetime(2024, 2, 29, 23, 59, 59, 999999, utc),
            "local": datetime.datetime(1969, 12, 31, 23, 59, 59), "raw": b"\x00\xff",
            "pair": {"x": 1, "y": None}, "list": ["a", None, ""], "map": [("k", 1), ("", None)],
        },
        {name: None for name in schema.names} | {"id": 1},
    ]
    write_deltalake(location, pa.Table.from_pylist(python_rows, schema=schema))
    empty = {name: None for name in schema.names} | {"id": 1}
    rows.extend(
        [
            {
                "id": 2**62, "small": -128, "whole": 2**31 - 1, "single": 0.5, "flag": True,
                "price": -1234567890123456.7891, "day": "1582-01-01",
                "at": "2024-02-29T23:59:59.999999Z", "local": "1969-12-31T23:59:59",
                "raw": "AP8=", "pair": {"x": 1, "y": None}, "list": ["a", None, ""],
                "map": {"k": 1, "": None},
            },
            empty,
        ]
    )


def create_long_decimals():
    """A file a row: decimals of more digits than the doubles that this writer's statistics are."""
    types = {"a": pa.decimal128(38, 18), "b": pa.decimal128(18, 2), "c": pa.decimal128(38, 0)}
    schema = pa.schema([("id", pa.int64()), *types.items()])
    for i in range(12):
        digits = (i * 7919 + 1) * 10**17 + i * 104729 * (-1) ** i
        row = {
            "id": i,
            "a": Decimal(digits).scaleb(-18),
            "b": Decimal(10**17 + i * 13).scaleb(-2),
            "c": Decimal(digits * 10**15 + i),
        }
        write_deltalake(location, pa.Table.from_pylist([row], schema=schema), mode="append")
        rows.append({name: value if name == "id" else str(value) for name, value in row.items()})


def more():
    evolved = any("extra" in row for row in rows)
    append(numbered(1000 + len(rows), 25), **({"schema_mode": "merge"} if evolved else {}))


def evolve():
    """A column that older files do not have."""
    start = 2000 + len(rows)
    schema = PLAIN.append(pa.field("extra", pa.float64()))
    for row in rows:
        row["extra"] = None
    append([row | {"extra": row["id"] / 2} for row in numbered(start, 15)], schema=schema, schema_mode="merge")


def delete():
    table().delete("id % 3 = 0")
    rows[:] = [row for row in rows if row["id"] % 3]


def update():
    table().update(predicate="id % 4 = 1", updates={"name": "'changed'"})
    for row in rows:
        if row["id"] % 4 == 1:
            row["name"] = "changed"


def merge():
    source = pa.Table.from_pylist(numbered(5, 10, "merged") + numbered(9000, 3, "merged"), schema=PLAIN)
    (
        table()
        .merge(source, predicate="t.id = s.id", source_alias="s", target_alias="t")
        .when_matched_update(updates={"part": "s.part"})
        .when_not_matched_insert_all()
        .execute()
    )
    new = {row["id"]: row for row in source.to_pylist()}
    for row in rows:
        if row["id"] in new:
            row["part"] = new.pop(row["id"])["part"]
    rows.extend(new.values())


def compact():
    table().optimize.compact()


def checkpoint():
    table().create_checkpoint()


def vacuum():
    table().vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)


def overwrite():
    fresh = [{"key": i, "value": i * 1.5} for i in range(12)]
    schema = pa.schema([("key", pa.int32()), ("value", pa.float64())])
    write_deltalake(location, pa.Table.from_pylist(fresh, schema=schema), mode="overwrite", schema_mode="overwrite")
    rows[:] = fresh


globals()[step]()
book.write_text(json.dumps(rows))
print(json.dumps({"version": table().version(), "rows": rows}))
