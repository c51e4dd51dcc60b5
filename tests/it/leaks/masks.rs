//! Masks and filters of every kind that the small table has none of: on fields inside structs and lists, by
//! expression, by step and by unit, and conditions on each type. What a role sees is computed here by hand.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use serde_json::{Value, json};
use sluice_tests::delta::HandTable;
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

/// Numbers as numbers, however many digits they are written with.
fn plain(mut rows: Vec<Value>) -> Vec<Value> {
    for row in &mut rows {
        row["amount"] = json!(row["amount"].to_string().parse::<f64>().unwrap());
        row["rate"] = json!(row["rate"].as_f64().unwrap());
    }
    rows
}

#[test]
fn every_kind_of_mask_and_condition_is_what_the_documentation_says() {
    run(async {
        let gateway = gateway().await;
        let masked = gateway.role("masked");
        let expected: Vec<Value> = (0..ROWS).filter_map(visible).collect();
        assert!((15..40).contains(&expected.len()), "{}", expected.len());
        let page = masked.get("/v1/tables/kinds/rows?order=id&limit=100").await.expect_status(200).data();
        assert_eq!(plain(page), expected);
        let sql = masked.sql("select * from kinds order by id").await.expect_status(200).data();
        assert_eq!(plain(sql), expected);
        let one = masked.get("/v1/tables/kinds/rows/4").await.expect_status(200).object();
        assert_eq!(plain(vec![one]), vec![visible(4).unwrap()]);
        for hidden in [1, 10, 12, 15, 20, 46] {
            assert_eq!(masked.get(&format!("/v1/tables/kinds/rows/{hidden}")).await.status, 404, "{hidden}");
        }
        gateway.shutdown().await;
    });
}

#[test]
fn conditions_and_groups_meet_masked_fields() {
    run(async {
        let gateway = gateway().await;
        let masked = gateway.role("masked");
        let expected: Vec<Value> = (0..ROWS).filter_map(visible).collect();
        for (condition, meets) in [
            (
                "profile.email = '****@home1.org'",
                expected.iter().filter(|row| row["profile"]["email"] == "****@home1.org").count(),
            ),
            ("profile.email = 'person5@home1.org'", 0),
            ("profile.score = 25", expected.iter().filter(|row| row["profile"]["score"] == 25).count()),
            ("profile.score = 27", 0),
            ("name = 'N'", expected.iter().filter(|row| row["name"] == "N").count()),
            ("name = 'n3'", 0),
            ("amount = 10", expected.iter().filter(|row| row["amount"] == 10.0).count()),
            ("amount = 11.00", 0),
            ("day = '2024-01-08'", expected.iter().filter(|row| row["day"] == "2024-01-08").count()),
            ("day = '2024-01-09'", 0),
            ("ok", 0),
        ] {
            let page = masked
                .ask("/v1/tables/kinds/rows", &[("filter", condition), ("count", "exact"), ("limit", "1")])
                .await;
            let total = page.expect_status(200).json()["page"]["total_rows"].as_u64().unwrap();
            assert_eq!(total, meets as u64, "{condition}");
            let sql = masked.sql(&format!("select count(*) as n from kinds where {condition}")).await;
            assert_eq!(sql.expect_status(200).data()[0]["n"], json!(meets), "{condition}");
        }
        let groups =
            json!({ "group_by": ["name"], "measures": [{ "fn": "count", "as": "n" }], "order": ["name"] });
        let groups = masked.post("/v1/tables/kinds/aggregate", &groups).await.expect_status(200).data();
        assert_eq!(
            groups.iter().map(|group| group["name"].as_str().unwrap()).collect::<Vec<_>>(),
            ["N", "X"]
        );
        for probe in ["profile.city = 'city4'", "city = 'city4'"] {
            let page = masked.ask("/v1/tables/kinds/rows", &[("filter", probe)]).await;
            assert_eq!((page.status, page.code().as_str()), (400, "unknown_column"), "{}", page.text());
            assert!(!page.json()["hint"].to_string().contains("city"), "{}", page.text());
        }
        let described = masked.get("/v1/tables/kinds").await.expect_status(200).text();
        assert!(!described.contains("city"), "{described}");
        gateway.shutdown().await;
    });
}
