//! Masks and filters of every kind that the small table has none of: on fields inside structs and lists, by
//! expression, by step and by unit, and conditions on each type. What a role sees is computed here by hand.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use futures::future::join_all;
use serde_json::{Value, json};
use sluice_tests::delta::HandTable;
use sluice_tests::doors::question::question;
use sluice_tests::doors::{Door, Outcome, doors_for};
use sluice_tests::gateway::{Gateway, Setup, run};

const ROWS: i64 = 60;
/// 2024-01-01, a Monday, in days since 1970.
const FIRST_DAY: i32 = 19_723;
const MICROS_A_DAY: i64 = 86_400_000_000;

const POLICIES: &str = "
version: 1
roles:
  masked:
    tables:
      kinds:
        columns: '*'
        hide: [profile.city]
        rows: >-
          day >= DATE '2024-01-03' AND amount < 25.00 AND at <> TIMESTAMP '2024-01-21T20:20:00Z'
          AND (name LIKE 'n%' OR ok) AND CASE WHEN rate > 2.5 THEN id <> 15 ELSE true END
          AND profile.score <> 36 AND lower(name) NOT IN ('n10', 'x11')
        masks:
          name: { expression: \"upper(left(name, 1))\" }
          ok: null
          amount: { bucket: { width: 10 } }
          rate: { round: 0.5 }
          day: { bucket: { unit: week } }
          at: { truncate: { unit: hour } }
          profile.email: { partial: { email: true } }
          profile.score: { truncate: { step: 25 } }
          items.price: { bucket: { width: 10 } }
";

fn fields_of_profile() -> Fields {
    Fields::from(vec![
        Field::new("email", DataType::Utf8, true),
        Field::new("city", DataType::Utf8, true),
        Field::new("score", DataType::Int64, true),
    ])
}

fn item() -> Field {
    let fields = vec![Field::new("price", DataType::Int64, true), Field::new("label", DataType::Utf8, true)];
    Field::new("element", DataType::Struct(Fields::from(fields)), true)
}

fn name(id: i64) -> String {
    format!("{}{id}", if id % 3 == 2 { "x" } else { "n" })
}

fn batch() -> RecordBatch {
    let ids = || 0..ROWS;
    let texts = |text: &dyn Fn(i64) -> String| -> ArrayRef {
        Arc::new(ids().map(|id| Some(text(id))).collect::<StringArray>())
    };
    let profile = StructArray::new(
        fields_of_profile(),
        vec![
            texts(&|id| format!("person{id}@home{}.org", id % 4)),
            texts(&|id| format!("city{id}")),
            Arc::new(ids().map(|id| id * 3).collect::<Int64Array>()),
        ],
        None,
    );
    let DataType::Struct(of_item) = item().data_type().clone() else { unreachable!() };
    let prices: ArrayRef = Arc::new((0..2 * ROWS).map(|at| at * 3 - 20).collect::<Int64Array>());
    let labels: ArrayRef = Arc::new((0..2 * ROWS).map(|at| Some(format!("l{at}"))).collect::<StringArray>());
    let items = ListArray::new(
        Arc::new(item()),
        OffsetBuffer::from_lengths(vec![2; ROWS as usize]),
        Arc::new(StructArray::new(of_item, vec![prices, labels], None)),
        None,
    );
    let amounts = Decimal128Array::from_iter_values(ids().map(|id| i128::from(id * 55)));
    let at = ids().map(|id| (i64::from(FIRST_DAY) + id) * MICROS_A_DAY + id * 60_000_000 * 61);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(ids().collect::<Int64Array>()),
        texts(&name),
        Arc::new(ids().map(|id| Some(id % 2 == 0)).collect::<BooleanArray>()),
        Arc::new(amounts.with_precision_and_scale(12, 2).unwrap()),
        Arc::new(ids().map(|id| id as f64 * 0.2).collect::<Float64Array>()),
        Arc::new(Date32Array::from_iter_values((0..ROWS as i32).map(|id| FIRST_DAY + id))),
        Arc::new(TimestampMicrosecondArray::from_iter_values(at).with_timezone("UTC")),
        Arc::new(profile),
        Arc::new(items),
    ];
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("name", DataType::Utf8, true),
        Field::new("ok", DataType::Boolean, true),
        Field::new("amount", DataType::Decimal128(12, 2), true),
        Field::new("rate", DataType::Float64, true),
        Field::new("day", DataType::Date32, true),
        Field::new("at", utc, true),
        Field::new("profile", DataType::Struct(fields_of_profile()), true),
        Field::new("items", DataType::List(Arc::new(item())), true),
    ]);
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

/// The row as the role is to see it; `None` where it is not to.
fn visible(id: i64) -> Option<Value> {
    let shown = id >= 2
        && id * 55 < 2_500
        && id != 20
        && (id % 3 != 2 || id % 2 == 0)
        && !(id as f64 * 0.2 > 2.5 && id == 15)
        && id * 3 != 36
        && !["n10", "x11"].contains(&name(id).as_str());
    let date =
        |days: i64| chrono::NaiveDate::from_epoch_days(FIRST_DAY + i32::try_from(days).unwrap()).unwrap();
    let hours = id * 61 / 60;
    let hour = date(id).and_hms_opt(0, 0, 0).unwrap() + chrono::Duration::hours(hours);
    let item = |at: i64| json!({ "price": (at * 3 - 20).div_euclid(10) * 10, "label": format!("l{at}") });
    shown.then(|| {
        json!({
            "id": id,
            "name": name(id)[..1].to_uppercase(),
            "ok": null,
            "amount": ((id * 55) / 1_000 * 10) as f64,
            "rate": (id as f64 * 0.2 / 0.5).round() * 0.5,
            "day": date(id / 7 * 7).to_string(),
            "at": format!("{}Z", hour.format("%Y-%m-%dT%H:%M:%S")),
            "profile": { "email": format!("****@home{}.org", id % 4), "score": id * 3 / 25 * 25 },
            "items": [item(2 * id), item(2 * id + 1)],
        })
    })
}

async fn gateway() -> Gateway {
    let setup = Setup::new("kinds", POLICIES)
        .table(json!({ "name": "kinds", "location": "kinds", "primary_key": ["id"] }));
    let rows = batch();
    let mut table = HandTable::create(&setup.place("kinds"), &rows.schema());
    table.append(&[rows.slice(0, 25), rows.slice(25, rows.num_rows() - 25)]);
    setup.start().await
}

/// Values in the form of the expected ones: doors write what a double cannot hold as text, and numbers with as many digits
/// as they like.
fn plain(value: &Value, expected: &Value) -> Value {
    match (value, expected) {
        (Value::Object(members), Value::Object(known)) => {
            let inner = |(name, value): (&String, &Value)| {
                (name.clone(), plain(value, known.get(name).unwrap_or(&Value::Null)))
            };
            Value::Object(members.iter().map(inner).collect())
        }
        (Value::Array(items), Value::Array(known)) => {
            items.iter().enumerate().map(|(at, item)| plain(item, known.get(at).unwrap_or(item))).collect()
        }
        (Value::String(text), Value::Number(_)) => number(text),
        (Value::Number(digits), Value::Number(_)) => number(&digits.to_string()),
        _ => value.clone(),
    }
}

fn number(text: &str) -> Value {
    text.parse::<f64>().map_or_else(|_| json!(text), |number| json!(number))
}

fn plain_rows(rows: &[Value], expected: &[Value]) -> Value {
    plain(&json!(rows), &json!(expected))
}

/// What a door says, where it has a way to say the line.
async fn said(door: &dyn Door, line: &str) -> Option<Outcome> {
    door.ask(&question(line).unwrap(), None).await
}

async fn rows_at(door: &dyn Door, line: &str) -> Option<Vec<Value>> {
    let outcome = said(door, line).await?;
    assert_eq!(outcome.code(), "answered", "{}: {line}: {:?}", door.name(), outcome.said);
    Some(outcome.said["rows"].as_array().unwrap().clone())
}

#[test]
fn every_kind_of_mask_and_condition_is_what_the_documentation_says() {
    run(async {
        let gateway = gateway().await;
        let expected: Vec<Value> = (0..ROWS).filter_map(visible).collect();
        assert!((15..40).contains(&expected.len()), "{}", expected.len());
        let same = plain_rows(&expected, &expected);
        let masked = gateway.role("masked");
        let page = masked.get("/v1/tables/kinds/rows?order=id&limit=100").await.expect_status(200).data();
        assert_eq!(plain_rows(&page, &expected), same);
        for door in doors_for(&gateway, &gateway.role_token("masked")) {
            let door = door.as_ref();
            let page = rows_at(door, r#"rows kinds {"order":"id","limit":100}"#).await.unwrap();
            assert_eq!(plain_rows(&page, &expected), same, "{}", door.name());
            match rows_at(door, r#"sql {"sql":"select * from kinds order by id"}"#).await {
                Some(rows) => assert_eq!(plain_rows(&rows, &expected), same, "{}", door.name()),
                None => assert_eq!(door.name(), "GraphQL", "only documents have no SQL"),
            }
            let one = rows_at(door, "lookup kinds [4]").await.unwrap();
            let fourth = [visible(4).unwrap()];
            assert_eq!(plain_rows(&one, &fourth), plain_rows(&fourth, &fourth), "{}", door.name());
            for hidden in [1, 10, 12, 15, 20, 46] {
                let looked_up = said(door, &format!("lookup kinds [{hidden}]")).await.unwrap();
                assert_eq!(looked_up.code(), "not_found", "{}: {hidden}", door.name());
            }
        }
        gateway.shutdown().await;
    });
}

/// A condition as a tree and as text, with the rows that meet it.
type Condition = (Value, &'static str, fn(&Value) -> bool);

fn conditions() -> Vec<Condition> {
    let eq = |column: &str, value: Value| json!({ "column": column, "op": "eq", "value": value });
    vec![
        (eq("profile.email", json!("****@home1.org")), "profile.email = '****@home1.org'", |row| {
            row["profile"]["email"] == "****@home1.org"
        }),
        (eq("profile.email", json!("person5@home1.org")), "profile.email = 'person5@home1.org'", |_| false),
        (eq("profile.score", json!(25)), "profile.score = 25", |row| row["profile"]["score"] == 25),
        (eq("profile.score", json!(27)), "profile.score = 27", |_| false),
        (eq("name", json!("N")), "name = 'N'", |row| row["name"] == "N"),
        (eq("name", json!("n3")), "name = 'n3'", |_| false),
        (eq("amount", json!(10)), "amount = 10", |row| row["amount"] == 10.0),
        (eq("amount", json!(11)), "amount = 11.00", |_| false),
        (eq("day", json!("2024-01-08")), "day = '2024-01-08'", |row| row["day"] == "2024-01-08"),
        (eq("day", json!("2024-01-09")), "day = '2024-01-09'", |_| false),
        (eq("ok", json!(true)), "ok", |_| false),
    ]
}

#[test]
fn conditions_and_groups_meet_masked_fields() {
    run(async {
        let gateway = gateway().await;
        let masked = gateway.role("masked");
        let expected: Vec<Value> = (0..ROWS).filter_map(visible).collect();
        let doors = doors_for(&gateway, &gateway.role_token("masked"));
        for (tree, text, meets) in conditions() {
            let meets = expected.iter().filter(|row| meets(row)).count();
            let asked = [("filter", text), ("count", "exact"), ("limit", "1")];
            let page = masked.ask("/v1/tables/kinds/rows", &asked).await;
            let total = page.expect_status(200).json()["page"]["total_rows"].as_u64().unwrap();
            assert_eq!(total, meets as u64, "{text}");
            let sql = masked.sql(&format!("select count(*) as n from kinds where {text}")).await;
            assert_eq!(sql.expect_status(200).data()[0]["n"], json!(meets), "{text}");
            for door in &doors {
                let line = format!("rows kinds {}", json!({ "filter": tree, "count": "exact", "limit": 1 }));
                let page = said(door.as_ref(), &line).await.unwrap();
                assert_eq!(page.said["total_rows"], json!(meets), "{}: {text}", door.name());
            }
        }
        let groups = r#"aggregate kinds {"group_by":["name"],"measures":[{"fn":"count"}],"order":"name"}"#;
        for door in &doors {
            let door = door.as_ref();
            let groups = rows_at(door, groups).await.unwrap();
            let names: Vec<&str> = groups.iter().map(|group| group["name"].as_str().unwrap()).collect();
            assert_eq!(names, ["N", "X"], "{}", door.name());
        }
        hidden_fields_are_not_there(&gateway, &doors).await;
        gateway.shutdown().await;
    });
}

async fn hidden_fields_are_not_there(gateway: &Gateway, doors: &[Box<dyn Door>]) {
    let masked = gateway.role("masked");
    for probe in ["profile.city", "city"] {
        let text = format!("{probe} = 'city4'");
        let page = masked.ask("/v1/tables/kinds/rows", &[("filter", &text)]).await;
        assert_eq!((page.status, page.code().as_str()), (400, "unknown_column"), "{}", page.text());
        assert!(!page.json()["hint"].to_string().contains("city"), "{}", page.text());
        let tree = json!({ "filter": { "column": probe, "op": "eq", "value": "city4" } });
        let mut silent: Vec<&str> = Vec::new();
        for door in doors {
            let Some(refused) = said(door.as_ref(), &format!("rows kinds {tree}")).await else {
                silent.push(door.name());
                continue;
            };
            assert_eq!(refused.code(), "unknown_column", "{}: {probe}", door.name());
            assert!(!refused.said["hint"].to_string().contains("city"), "{}: {probe}", door.name());
        }
        // A document calls a field of a struct that is not there by other words.
        assert_eq!(silent, if probe == "city" { vec![] } else { vec!["GraphQL"] });
    }
    // Of a field that was never there the same is said.
    let messages = ["city", "cite"].map(|name| {
        let asked = format!("{{ kinds(where: {{profile: {{{name}: {{eq: \"x\"}}}}}}) {{ totalCount }} }}");
        let masked = masked.clone();
        async move {
            let answer = masked.post("/graphql", &json!({ "query": asked })).await.json();
            answer["errors"][0]["message"].as_str().unwrap().replace(name, "?")
        }
    });
    let messages = join_all(messages).await;
    assert_eq!(messages[0], messages[1]);
    let described = masked.get("/v1/tables/kinds").await.expect_status(200).text();
    assert!(!described.contains("city"), "{described}");
    let types = json!({ "query": "{ __schema { types { name fields { name } inputFields { name } } } }" });
    let types = masked.post("/graphql", &types).await.expect_status(200).text();
    assert!(types.contains("score") && !types.contains("city"), "{types}");
}
