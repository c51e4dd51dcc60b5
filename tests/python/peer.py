"""DuckDB over Parquet files, as another engine's opinion.

Reads one JSON document a line: first {"table": [file, ...], ...}, answered by {"rows": []}, then {"sql": ...},
each answered by {"rows": [[value, ...], ...]} or {"error": ...}. Ends with its standard input.
"""

import datetime
import decimal
import json
import sys

import duckdb


def plain(value):
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    return value


connection = duckdb.connect()
for line in sys.stdin:
    asked = json.loads(line)
    try:
        if "sql" in asked:
            rows = connection.execute(asked["sql"]).fetchall()
        else:
            for table, files in asked.items():
                connection.read_parquet(files).create(table)
            rows = []
        answer = {"rows": [[plain(value) for value in row] for row in rows]}
    except duckdb.Error as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
