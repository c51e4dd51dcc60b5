"""A service that reads from the gateway over gRPC, as one would be written against its contract.

    service.py generated ADDRESS TOKEN PROTO
    service.py reflected ADDRESS TOKEN

`generated` makes its client of the .proto files in the folder PROTO with grpcio-tools; `reflected` knows nothing but
the address, and asks the server for the contract with grpcio-reflection. Either prints one JSON object of what it saw.
"""

import importlib
import io
import json
import pathlib
import sys
import tempfile

import grpc
import grpc_tools
import pyarrow.ipc
from google.protobuf import descriptor_pool, json_format, message_factory
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status
from grpc_tools import protoc


def generated(proto):
    """The modules of the contract, made by protoc."""
    made = tempfile.mkdtemp()
    files = [str(path) for path in pathlib.Path(proto, "sluice", "v1").glob("*.proto")]
    known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    code = protoc.main(["protoc", f"-I{proto}", f"-I{known}", f"--python_out={made}", f"--grpc_python_out={made}", *files])
    assert code == 0, "protoc failed"
    sys.path.insert(0, made)
    names = ["query_pb2", "query_pb2_grpc", "catalog_pb2", "catalog_pb2_grpc", "filter_pb2", "value_pb2"]
    return [importlib.import_module(f"sluice.v1.{name}") for name in names]


def facts(failure):
    """What a refusal says of itself."""
    told = {"status": failure.code().name, "message": failure.details()}
    for detail in rpc_status.from_call(failure).details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            told["code"] = info.metadata["code"]
            told["hint"] = info.metadata.get("hint")
    return told


def refused(call):
    try:
        call()
    except grpc.RpcError as failure:
        return facts(failure)
    raise AssertionError("the call was not refused")


def texts(rows):
    """Carriers and delays: the columns that are asked for below."""
    return [[row.values[0].string_value, row.values[1].double_value] for row in rows]


def table(arrow_ipc):
    return pyarrow.ipc.open_stream(io.BytesIO(arrow_ipc)).read_all().to_pylist()


def with_client(channel, metadata, modules):
    query, query_grpc, catalog, catalog_grpc, filters, values = modules
    asks, lists = query_grpc.QueryStub(channel), catalog_grpc.CatalogStub(channel)
    seen = {}
    listed = lists.ListTables(catalog.ListTablesRequest(), metadata=metadata)
    seen["tables"] = [one.name for one in listed.tables]

    late = filters.Comparison(
        column="dep_delay", operator=filters.COMPARISON_OPERATOR_GT, values=[values.Literal(int64_value=300)]
    )
    where = filters.Condition(filter=filters.Filter(comparison=late))
    order = filters.Order(text="-dep_delay,flight_id")
    asked = query.RowsRequest(table="flights", select=["carrier", "dep_delay"], where=where, order=order, limit=2)
    pages = []
    while True:
        page = asks.Rows(asked, metadata=metadata, compression=grpc.Compression.Gzip)
        pages.append(texts(page.values.rows))
        asked.cursor = page.page.next_cursor
        if not page.page.has_more or len(pages) == 4:
            break
    seen["pages"] = pages

    whole = query.StreamRowsRequest(table="flights", select=["carrier", "dep_delay"], where=where, order=order)
    parts = list(asks.StreamRows(whole, metadata=metadata))
    seen["stream"] = texts(row for part in parts[1:] for row in part.values.rows)
    seen["stream_columns"] = [field.name for field in parts[0].head.schema.fields]
    whole.format = values.ROW_FORMAT_ARROW_IPC
    parts = list(asks.StreamRows(whole, metadata=metadata, compression=grpc.Compression.Gzip))
    seen["stream_arrow"] = [list(row.values()) for row in table(b"".join(part.arrow_ipc for part in parts[1:]))]

    text = "select carrier, count(*) as n from flights group by 1 order by 2 desc, 1"
    as_arrow = query.SqlRequest(sql=text, format=values.ROW_FORMAT_ARROW_IPC)
    seen["sql"] = table(asks.Sql(as_arrow, metadata=metadata).arrow_ipc)
    parts = list(asks.StreamSql(query.StreamSqlRequest(sql=text), metadata=metadata))
    streamed = [row.values for part in parts[1:] for row in part.values.rows]
    seen["sql_stream"] = [{"carrier": row[0].string_value, "n": row[1].int64_value} for row in streamed]

    key = [values.Literal(string_value="UA")]
    row = asks.Lookup(query.LookupRequest(table="airlines", key=key), metadata=metadata)
    seen["lookup"] = [value.string_value for value in row.row.values]
    sums = query.AggregateRequest(
        table="flights",
        group_by=[filters.GroupKey(column="origin")],
        measures=[filters.Measure(function=filters.MEASURE_FUNCTION_COUNT, alias="n")],
        order=filters.Order(text="origin"),
    )
    groups = asks.Aggregate(sums, metadata=metadata).values.rows
    seen["aggregate"] = [[row.values[0].string_value, row.values[1].int64_value] for row in groups]

    seen["unknown_column"] = refused(
        lambda: asks.Sql(query.SqlRequest(sql="select dep_dely from flights"), metadata=metadata)
    )
    seen["no_token"] = refused(lambda: asks.Rows(query.RowsRequest(table="flights")))
    cross = "select count(*) from flights a, flights b where a.dep_delay < b.arr_delay"
    try:
        asks.Sql(query.SqlRequest(sql=cross), metadata=metadata, timeout=0.3)
    except grpc.RpcError as failure:
        seen["too_late"] = failure.code().name
    left = asks.StreamSql(query.StreamSqlRequest(sql="select a.* from flights a, flights b"), metadata=metadata)
    next(left)
    seen["left"] = left.cancel()
    return seen


def with_reflection(channel, metadata):
    known = ProtoReflectionDescriptorDatabase(channel)
    pool = descriptor_pool.DescriptorPool(known)
    service = pool.FindServiceByName("sluice.v1.Query")
    method = service.FindMethodByName("Rows")
    question = message_factory.GetMessageClass(method.input_type)
    answer = message_factory.GetMessageClass(method.output_type)
    asked = json_format.ParseDict({"table": "airlines", "order": {"text": "carrier"}, "limit": 3}, question())
    call = channel.unary_unary(
        "/sluice.v1.Query/Rows",
        request_serializer=question.SerializeToString,
        response_deserializer=answer.FromString,
    )
    page = json_format.MessageToDict(call(asked, metadata=metadata))
    return {
        "services": sorted(known.get_services()),
        "methods": [method.name for method in service.methods],
        "rows": [[value["stringValue"] for value in row["values"]] for row in page["values"]["rows"]],
    }


def main(form, address, token, *proto):
    metadata = [("authorization", f"Bearer {token}")]
    with grpc.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="sluice.v1.Query"))
        modules = generated(*proto) if form == "generated" else None
        seen = with_client(channel, metadata, modules) if modules else with_reflection(channel, metadata)
    seen["health"] = health_pb2.HealthCheckResponse.ServingStatus.Name(health.status)
    print(json.dumps(seen))


main(*sys.argv[1:])
