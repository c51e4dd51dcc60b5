//! Names in SQL that differ in little but case: owns what each of them means, in its own scope.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use serde_json::{Value, json};
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};

const POLICIES: &str = "version: 1
roles:
  admin: { administrator: true, tables: { '*': { columns: all } } }
";

fn number(value: i64) -> ArrayRef {
    Arc::new(Int64Array::from(vec![value]))
}

/// One table with a row of these columns.
fn put(setup: &Setup, name: &str, columns: Vec<(&str, ArrayRef)>) {
    let rows = RecordBatch::try_from_iter(columns).unwrap();
    HandTable::create(&setup.place(name), &rows.schema()).append(&[rows]);
}

/// Tables whose names, columns and fields differ in little but case.
async fn of_cases() -> Gateway {
    let mut setup = Setup::new("sql-cases", POLICIES);
    for name in ["people", "upper", "lower", "email", "gold.sales"] {
        setup = setup.table(json!({ "name": name, "location": name }));
    }
    put(&setup, "gold.sales", vec![("n", number(6))]);
    let fields = Fields::from(vec![
        Field::new("email", DataType::Utf8, true),
        Field::new("City", DataType::Utf8, true),
    ]);
    let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
    let profile = StructArray::new(fields, vec![text("inner"), text("Bonn")], None);
    put(
        &setup,
        "people",
        vec![("id", number(1)), ("Email", text("outer")), ("profile", Arc::new(profile) as ArrayRef)],
    );
    put(&setup, "upper", vec![("ID", number(1)), ("vv", number(2))]);
    put(&setup, "lower", vec![("id", number(1)), ("Upper", number(4)), ("VV", number(3))]);
    put(&setup, "email", vec![("n", number(5))]);
    setup.start().await
}

/// Queries of one value, `v`; null where a column does not exist.
fn meanings() -> Vec<(&'static str, Value)> {
    vec![
        // Exact names stay, whatever else there is in another case.
        ("select profile.email as v from people", json!("inner")),
        ("select profile.email as Email from people", json!("inner")),
        ("select p.profile.email as v from people p", json!("inner")),
        ("select vv as v from upper, lower", json!(2)),
        ("select VV as v from upper, lower", json!(3)),
        ("select upper.VV as v from upper, lower", json!(2)),
        ("select id as v from lower", json!(1)),
        // Each part is looked for where it can be.
        ("select profile.EMAIL as v from people", json!("inner")),
        ("select PROFILE.city as v from people", json!("Bonn")),
        ("select p.Profile.city as v from people P", json!("Bonn")),
        ("select id as v from people where profile.CITY = 'Bonn'", json!(1)),
        ("select id as v from people order by PROFILE.EMAIL", json!(1)),
        ("select p.id as v from people p join people q on p.profile.City = q.PROFILE.city", json!(1)),
        ("select id as v from people order by people.email", json!(1)),
        (
            "select p.id as v from people p join lower l on p.ID = l.ID and p.profile.CITY > '' order by L.ID",
            json!(1),
        ),
        ("select max(s.CITY) as v from (select profile as S from people) x", json!("Bonn")),
        // An exact column comes before a relation in another case, whatever else is corrected.
        ("select Email as v, ID as w from people, email", json!("outer")),
        (
            "select profile.email as v, P.ID as w from people p join email Profile on Profile.n = 5",
            json!("inner"),
        ),
        ("select p.id as v from people p order by p.upper", Value::Null),
        ("select p.id as v from people p join lower l on p.id = l.id and p.upper = 4", Value::Null),
        ("select P.* from (select email as v from people) p", json!("outer")),
        ("select p.P as v from (select profile.City as P from people) P", json!("Bonn")),
        // The innermost scope comes first, whatever the case.
        ("select count(*) as v from lower where exists (select 1 from upper where id > 1)", json!(0)),
        ("select count(*) as v from lower where id in (select id from upper)", json!(1)),
        ("select count(*) as v from lower where ID in (select ID from upper)", json!(1)),
        ("select (select max(l.vv) from lower l where l.Id = u.id) as v from upper u", json!(3)),
        ("with w as (select id as Id from lower) select w.ID as v from w", json!(1)),
        ("select x.id as v from (select id as ID from lower) x", json!(1)),
        ("select q.id as v from (select ID from upper) q join lower on true", json!(1)),
        ("select X as v from (values (1, 2)) t(x, y) order by Y", json!(1)),
        ("select max(vv) as V from lower group by Id having v > 0 order by V", json!(3)),
        ("select a.Vv as v from upper a union all select VV from lower order by V desc", json!(3)),
        ("select v from (select n V from email) as v", json!(5)),
        ("select V.* exclude (ID) from (select id, n as v from people, email) v", json!(5)),
        ("select email as v from people", json!("outer")),
        ("select a.id as v from upper a join lower b on a.id = b.ID", json!(1)),
        ("select Vv as v from upper, lower", Value::Null),
        ("select X.vV as v from upper a, (select 7 as Vv) x", json!(7)),
        ("select p.id as v from people p join lower l using (ID)", json!(1)),
        ("select max(v) as v from (select people.ID as v from People join lower using (Id)) t", json!(1)),
        ("select upper.id as v from upper", json!(1)),
        ("select n as v from Email", json!(5)),
        ("select EMAIL.N as v from email", json!(5)),
        ("select n as v from \"gold.sales\"", json!(6)),
        ("select s.N as v from \"Gold.Sales\" s", json!(6)),
        ("select \"gold.sales\".n as v from \"gold.sales\"", json!(6)),
        ("with Q as (select ID as K from upper) select q.k as v from q", json!(1)),
        ("select v from (select ID as v from upper) Z where z.V = 1 order by Z.v", json!(1)),
    ]
}

#[test]
fn names_match_by_exact_case_and_then_by_the_only_one_without() {
    run(async {
        let gateway = of_cases().await;
        let admin = gateway.role("admin");
        for (sql, right) in meanings() {
            let answer = admin.sql(sql).await;
            if right.is_null() {
                let refused = (answer.status, answer.code());
                assert_eq!(refused, (400, "unknown_column".to_owned()), "{sql}: {}", answer.text());
            } else {
                assert_eq!(answer.status, 200, "{sql}: {}", answer.text());
                let row = answer.data()[0].clone();
                assert_eq!(row.as_object().unwrap().values().next(), Some(&right), "{sql}");
            }
        }
        for (path, right) in [
            ("/v1/tables/People/rows?select=EMAIL", json!({ "Email": "outer" })),
            ("/v1/tables/UPPER/rows?select=id,VV", json!({ "ID": 1, "vv": 2 })),
            ("/v1/tables/people/rows?select=Id&filter=Profile.CITY='Bonn'", json!({ "id": 1 })),
        ] {
            assert_eq!(admin.get(path).await.expect_status(200).data()[0], right, "{path}");
        }
        gateway.shutdown().await;
    });
}

#[test]
fn what_is_not_there_is_named_as_it_is_written() {
    run(async {
        let gateway = of_cases().await;
        let admin = gateway.role("admin");
        for (sql, code, detail) in [
            ("select profile.nope from people", "unknown_column", "column \"nope\" not found"),
            ("select id from people where profile.nope = 1", "unknown_column", "column \"nope\" not found"),
            ("select * exclude (EMALL, nope) from people", "unknown_column", "column \"EMALL\" not found"),
            (
                "select id from people p where exists (select 1 from lower where id = p.profile.zip)",
                "invalid_expression",
                "a field inside a column of the outer query is not supported in a subquery",
            ),
        ] {
            let answer = admin.sql(sql).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, code), "{sql}: {}", answer.text());
            assert_eq!(answer.json()["detail"], json!(detail), "{sql}");
        }
        let written = admin.sql("select p.PROFILE.CITY, ID from people p").await.expect_status(200);
        let row = written.data()[0].as_object().unwrap().clone();
        assert_eq!(row.keys().collect::<Vec<_>>(), ["id", "p.PROFILE.CITY"]);
        for named in ["gold.sales", "gold.nothing"] {
            let answer = admin.sql(&format!("select n from {named}")).await.expect_status(404).json();
            assert_eq!(answer["detail"], json!(format!("table \"{named}\" not found")));
            assert!(answer["hint"].as_str().unwrap().contains("stands in double quotes"), "{answer}");
        }
        gateway.shutdown().await;
    });
}
