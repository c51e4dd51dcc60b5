//! The same statement through both doors, under every role: the same rows, the same paging, the same refusal. A
//! new statement is one line.

use serde_json::{Value, json};
use sluice_proto::v1::{
    AnswerMeta, GetTableRequest, ListTablesRequest, LookupRequest, RowSchema, RowSet, TableSummary,
    aggregate_response, rows_response, sql_response,
};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::gateway::{Gateway, run};
use sluice_tests::grpc::rows::rows;
use sluice_tests::grpc::{GrpcCaller, facts, questions};
use tonic::Status;

const ROLES: [&str; 3] = ["admin", "analyst", "partner"];

/// What a REST answer says that gRPC says too.
fn of_rest(answer: &Answer) -> Value {
    let body = answer.json();
    if answer.status != 200 {
        return json!({
            "code": body["code"], "message": body["detail"], "hint": body["hint"],
            "line": body["position"]["line"], "column": body["position"]["column"],
        });
    }
    let meta = &body["meta"];
    let tables = match meta["tables"].as_array() {
        Some(tables) => tables.iter().map(version).collect(),
        None => vec![version(meta)],
    };
    let page = &body["page"];
    let is_text = |cursor: &Value| cursor.is_string();
    json!({
        "data": body["data"], "tables": tables, "has_more": page["has_more"] == true,
        "next": is_text(&page["next_cursor"]), "prev": is_text(&page["prev_cursor"]),
        "total_rows": page["total_rows"],
    })
}

fn version(meta: &Value) -> Value {
    json!([meta["table"], meta["version"]])
}

fn refusal(status: &Status) -> Value {
    let facts = facts(status);
    let number = |name: &str| facts.get(name).map(|text| text.parse::<u64>().unwrap());
    json!({
        "code": facts["code"], "message": status.message(), "hint": facts.get("hint"),
        "line": number("line"), "column": number("column"),
    })
}

fn complete(schema: Option<&RowSchema>, set: &RowSet, meta: Option<&AnswerMeta>) -> Value {
    let tables: Vec<Value> =
        meta.unwrap().tables.iter().map(|table| json!([table.table, table.version])).collect();
    json!({
        "data": rows(schema.unwrap(), &set.rows), "tables": tables, "has_more": false, "next": false,
        "prev": false, "total_rows": null,
    })
}

/// A page by gRPC, and its cursor.
async fn page(caller: &GrpcCaller, table: &str, body: &Value) -> (Value, String) {
    match caller.query().rows(caller.request(questions::rows(table, body))).await {
        Err(status) => (refusal(&status), String::new()),
        Ok(answer) => {
            let answer = answer.into_inner();
            let Some(rows_response::Rows::Values(set)) = &answer.rows else { panic!("{answer:?}") };
            let mut shown = complete(answer.schema.as_ref(), set, answer.meta.as_ref());
            let page = answer.page.unwrap();
            shown["has_more"] = json!(page.has_more);
            shown["next"] = json!(!page.next_cursor.is_empty());
            shown["prev"] = json!(!page.prev_cursor.is_empty());
            shown["total_rows"] = json!(page.total_rows);
            (shown, page.next_cursor)
        }
    }
}

async fn both(role: &str) -> (Caller, GrpcCaller) {
    let gateway = Gateway::demo().await;
    (gateway.role(role), gateway.grpc_role(role))
}

#[test]
fn pages_are_the_same() {
    let statements = [
        ("flights", json!({ "limit": 5 })),
        ("flights", json!({ "limit": 5, "order": "-dep_delay,flight_id" })),
        ("flights", json!({ "limit": 4, "order": [{ "column": "dep_delay", "nulls_first": true }] })),
        ("flights", json!({ "limit": 3, "select": ["carrier", "flight_id"], "count": "exact" })),
        ("flights", json!({ "limit": 3, "filter": "dep_delay > 60 AND origin = 'JFK'" })),
        (
            "flights",
            json!({ "limit": 3, "filter": { "and": [
            { "column": "dep_delay", "op": "gt", "value": 60 },
            { "not": { "column": "carrier", "op": "in", "value": ["UA", "AA"] } },
        ] } }),
        ),
        (
            "flights",
            json!({ "limit": 3, "filter": { "or": [
            { "column": "distance", "op": "between", "value": [100, 200.5] },
            { "column": "tailnum", "op": "is_null" }, { "column": "dest", "op": "like", "value": "S%" },
        ] } }),
        ),
        ("flights", json!({ "limit": 3, "filter": { "and": [] } })),
        ("flights", json!({ "limit": 3, "version": 1 })),
        ("flights", json!({ "limit": 3, "as_of": "2100-01-01T00:00:00Z" })),
        (
            "weather",
            json!({ "limit": 3, "filter":
            { "column": "time_hour", "op": "ge", "value": "2013-07-01T05:00:00Z" } }),
        ),
        ("airlines", json!({})),
        ("planes", json!({ "limit": 3, "order": "tailnum" })),
        ("customer", json!({ "limit": 3, "order": "c_custkey" })),
        ("orders", json!({ "limit": 3, "filter": "o_totalprice > 100000.5" })),
        ("unknown", json!({})),
        ("flights", json!({ "filter": "dep_dely > 60" })),
        ("flights", json!({ "filter": "carrier = 'UA'\n  AND dep_dely > 1" })),
        ("flights", json!({ "filter": "air_time > 1", "limit": 1 })),
        ("flights", json!({ "select": ["nope"] })),
        ("flights", json!({ "order": "nope" })),
        ("flights", json!({ "filter": { "column": "distance", "op": "eq", "value": "far" } })),
        ("flights", json!({ "filter": "1 / (distance - distance) > 0", "limit": 1 })),
        ("flights", json!({ "limit": 100_000_000 })),
        ("flights", json!({ "cursor": "garbage" })),
        ("flights", json!({ "version": 1_000 })),
    ];
    run(async {
        for role in ROLES {
            let (rest, grpc) = both(role).await;
            for (table, body) in &statements {
                let by_rest = of_rest(&rest.post(&format!("/v1/tables/{table}/query"), body).await);
                let (by_grpc, _) = page(&grpc, table, body).await;
                assert_eq!(by_grpc, by_rest, "{role} {table} {body}");
            }
        }
    });
}

#[test]
fn groups_are_the_same() {
    let counted = json!([{ "fn": "count", "as": "n" }]);
    let statements = [
        ("flights", json!({ "measures": counted })),
        (
            "flights",
            json!({ "group_by": ["carrier"], "measures": [{ "fn": "count" },
            { "fn": "count_distinct", "column": "dest" }, { "fn": "avg", "column": "dep_delay", "as": "delay" },
            { "fn": "sum", "column": "distance" }, { "fn": "min", "column": "time_hour" },
            { "fn": "max", "column": "dest" }] }),
        ),
        (
            "flights",
            json!({ "group_by": [{ "date_trunc": "month", "column": "time_hour" }],
            "measures": counted, "having": "n > 100", "order": "-n", "limit": 3 }),
        ),
        (
            "orders",
            json!({ "group_by": ["o_orderstatus"],
            "measures": [{ "fn": "sum", "column": "o_totalprice" }] }),
        ),
        ("flights", json!({ "measures": [{ "fn": "sum", "column": "nope" }] })),
        ("flights", json!({ "group_by": ["carrier"] })),
        ("flights", json!({ "measures": counted, "having": "m > 100" })),
    ];
    run(async {
        for role in ROLES {
            let (rest, grpc) = both(role).await;
            for (table, body) in &statements {
                let by_rest = of_rest(&rest.post(&format!("/v1/tables/{table}/aggregate"), body).await);
                let asked = grpc.request(questions::aggregate(table, body));
                let by_grpc = match grpc.query().aggregate(asked).await.map(tonic::Response::into_inner) {
                    Err(status) => refusal(&status),
                    Ok(answer) => match &answer.rows {
                        Some(aggregate_response::Rows::Values(set)) => {
                            complete(answer.schema.as_ref(), set, answer.meta.as_ref())
                        }
                        other => panic!("{other:?}"),
                    },
                };
                assert_eq!(by_grpc, by_rest, "{role} {table} {body}");
            }
        }
    });
}

#[test]
fn sql_is_the_same() {
    let statements = [
        json!({ "sql": "select 1 as one, null as nothing, 1.5 as half, 'x' as text, true as yes" }),
        json!({ "sql": "select carrier, count(*) as n from flights group by 1 order by n desc, 1 limit $1",
            "params": [3] }),
        json!({ "sql": "select manufacturer, count(*) n from flights join planes using (tailnum) \
            group by 1 order by n desc, 1 limit 3" }),
        json!({ "sql": "select make_array(1, null) as l, named_struct('a', carrier) as s from airlines \
            order by carrier limit 2" }),
        json!({ "sql": "select time_hour, cast(time_hour as date) as d from flights order by flight_id limit 2" }),
        json!({ "sql": "select c_acctbal, c_name from customer order by c_custkey limit 2" }),
        json!({ "sql": "select nope from flights" }),
        json!({ "sql": "select *\nfrom flihgts" }),
        json!({ "sql": "selec 1" }),
        json!({ "sql": "drop table flights" }),
        json!({ "sql": "select no_such_function(1)" }),
        json!({ "sql": "select 1 / 0" }),
    ];
    run(async {
        for role in ROLES {
            let (rest, grpc) = both(role).await;
            for body in &statements {
                let by_rest = of_rest(&rest.post("/v1/sql", body).await);
                let asked = grpc.request(questions::sql(body));
                let by_grpc = match grpc.query().sql(asked).await.map(tonic::Response::into_inner) {
                    Err(status) => refusal(&status),
                    Ok(answer) => match &answer.rows {
                        Some(sql_response::Rows::Values(set)) => {
                            complete(answer.schema.as_ref(), set, answer.meta.as_ref())
                        }
                        other => panic!("{other:?}"),
                    },
                };
                assert_eq!(by_grpc, by_rest, "{role} {body}");
            }
        }
    });
}

#[test]
fn lookups_are_the_same() {
    let keys = [
        ("flights", vec![json!(4)]),
        ("flights", vec![json!("4")]),
        ("flights", vec![json!(99_999_999)]),
        ("airlines", vec![json!("UA")]),
        ("planes", vec![json!("N10156")]),
        ("weather", vec![json!("JFK"), json!("2013-07-01T05:00:00Z")]),
        ("weather", vec![json!("JFK")]),
        ("customer", vec![json!(1)]),
        ("unknown", vec![json!(1)]),
    ];
    run(async {
        for role in ROLES {
            let (rest, grpc) = both(role).await;
            for (table, key) in &keys {
                let text = |part: &Value| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
                let path = key.iter().map(text).collect::<Vec<String>>().join(",");
                let mut by_rest = of_rest(&rest.get(&format!("/v1/tables/{table}/rows/{path}")).await);
                if let Some(row) = by_rest.get_mut("data") {
                    *row = json!([row.take()]);
                }
                let asked = LookupRequest {
                    table: (*table).to_owned(),
                    key: key.iter().map(questions::value).collect(),
                    ..LookupRequest::default()
                };
                let by_grpc = match grpc.query().lookup(grpc.request(asked)).await {
                    Err(status) => refusal(&status),
                    Ok(answer) => {
                        let answer = answer.into_inner();
                        let set = RowSet { rows: answer.row.into_iter().collect() };
                        complete(answer.schema.as_ref(), &set, answer.meta.as_ref())
                    }
                };
                assert_eq!(by_grpc, by_rest, "{role} {table} {path}");
            }
        }
    });
}

#[test]
fn a_cursor_of_one_door_continues_in_the_other() {
    run(async {
        for role in ROLES {
            let (rest, grpc) = both(role).await;
            let body = json!({ "limit": 3, "order": "-dep_delay,flight_id", "filter":
                { "column": "dep_delay", "op": "gt", "value": 60 } });
            let with = |cursor: &Value| {
                let mut body = body.clone();
                body["cursor"] = cursor.clone();
                body
            };
            let path = "/v1/tables/flights/query";
            let first = rest.post(path, &body).await.expect_status(200).json();
            let (second, next) = page(&grpc, "flights", &with(&first["page"]["next_cursor"])).await;
            let again = rest.post(path, &with(&first["page"]["next_cursor"])).await.expect_status(200);
            assert_eq!(second, of_rest(&again), "{role}");
            let third = rest.post(path, &with(&json!(next))).await.expect_status(200);
            let (by_grpc, _) = page(&grpc, "flights", &with(&json!(next))).await;
            assert_eq!(by_grpc, of_rest(&third), "{role}");
            let (other, _) = page(&grpc, "flights", &json!({ "cursor": next, "order": "flight_id" })).await;
            assert_eq!(other["code"], "cursor_mismatch", "{role}");
        }
    });
}

#[test]
fn a_float_without_a_fraction_asks_the_same_question_as_a_whole_number() {
    run(async {
        let (_, grpc) = both("admin").await;
        let of = |value: Value| json!({ "limit": 1, "filter": { "column": "dep_delay", "op": "gt", "value": value } });
        let (_, next) = page(&grpc, "flights", &of(json!(60))).await;
        let mut body = of(json!(60.0));
        body["cursor"] = json!(next);
        let (second, _) = page(&grpc, "flights", &body).await;
        assert_eq!(second["prev"], json!(true), "{second}");
    });
}

#[test]
fn tables_are_described_the_same() {
    run(async {
        for role in ROLES {
            let (rest, grpc) = both(role).await;
            let listed = rest.get("/v1/tables").await.expect_status(200).data();
            let asked = grpc.request(ListTablesRequest {});
            let tables = grpc.catalog().list_tables(asked).await.unwrap().into_inner().tables;
            assert_eq!(
                tables.iter().map(summary).collect::<Vec<_>>(),
                listed.iter().map(of_listing).collect::<Vec<_>>()
            );
            for one in &tables {
                let described = rest.get(&format!("/v1/tables/{}", one.name)).await.object();
                let asked = grpc.request(GetTableRequest { table: one.name.clone(), version: None });
                let table = grpc.catalog().get_table(asked).await.unwrap().into_inner().table.unwrap();
                let columns: Vec<Value> = table
                    .columns
                    .iter()
                    .map(|column| {
                        json!([
                            column.name,
                            column.r#type.as_ref().unwrap().text,
                            column.nullable,
                            column.description,
                            column.tags,
                            column.masked,
                            column.partition
                        ])
                    })
                    .collect();
                let expected: Vec<Value> = described["columns"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|column| {
                        let description = column["description"].as_str().unwrap_or_default();
                        json!([
                            column["name"],
                            column["type"],
                            column["nullable"],
                            description,
                            column["tags"],
                            column["masked"],
                            column["partition"]
                        ])
                    })
                    .collect();
                assert_eq!(columns, expected, "{role} {}", one.name);
                assert_eq!(json!(table.primary_key), described["primary_key"]);
                assert_eq!(json!(table.key_lookup), described["key_lookup"]);
                assert_eq!(json!(table.page_rows_max), described["page_rows_max"]);
            }
        }
    });
}

fn summary(table: &TableSummary) -> Value {
    let version = table.version.as_ref().map(|version| version.version);
    json!([table.name, table.description, version, table.rows, table.bytes])
}

fn of_listing(table: &Value) -> Value {
    let description = table["description"].as_str().unwrap_or_default();
    json!([table["name"], description, table["version"], table["rows"], table["bytes"]])
}
