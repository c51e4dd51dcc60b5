//! The expression language: what is admitted and how it comes out, what is refused, and what
//! claims may be.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use arrow_schema::{Field, TimeUnit};
use serde_json::{Value, json};

use super::*;
use crate::row_filter::check::bind_filter;

struct Table(Vec<Field>);

impl Columns for Table {
    fn find(&self, path: &[String]) -> Option<(Vec<String>, DataType)> {
        let (first, rest) = path.split_first()?;
        let mut found = self.0.iter().find(|field| field.name() == first)?.data_type();
        for name in rest {
            let DataType::Struct(fields) = found else { return None };
            found = fields.iter().find(|field| field.name() == name)?.data_type();
        }
        Some((path.to_vec(), found.clone()))
    }

    fn similar(&self, _: &[String]) -> Option<String> {
        Some("name".to_string())
    }
}

fn table() -> Table {
    let utc = Some("UTC".into());
    let inner = vec![Field::new("email", DataType::Utf8, true)];
    Table(vec![
        Field::new("name", DataType::Utf8, true),
        Field::new("small", DataType::Int8, true),
        Field::new("n", DataType::Int64, true),
        Field::new("x", DataType::Float64, true),
        Field::new("amount", DataType::Decimal128(12, 2), true),
        Field::new("wide", DataType::Decimal128(38, 10), true),
        Field::new("ok", DataType::Boolean, true),
        Field::new("day", DataType::Date32, true),
        Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, None), true),
        Field::new("seen", DataType::Timestamp(TimeUnit::Microsecond, utc), true),
        Field::new("blob", DataType::Binary, true),
        Field::new("profile", DataType::Struct(inner.into()), true),
    ])
}

fn parsed(text: &str) -> Result<ParsedExpression, String> {
    parse(text, &Arc::from(Path::new("p.yaml")), 3, 5).map_err(|problem| problem.to_string())
}

fn filter(text: &str, claims: Claims<'_>) -> Result<RowFilter, String> {
    bind_filter(&parsed(text)?, &table(), claims).map_err(|error| match error {
        CheckError::Refused { message, .. } => message,
        CheckError::ClaimUnusable => "claim".to_string(),
    })
}

fn sql(text: &str) -> Result<String, String> {
    match filter(text, Claims::Sample)? {
        RowFilter::Expression(bound) => Ok(bound.to_sql()),
        other => Err(format!("{other:?}")),
    }
}

fn with_claims(text: &str, claims: Value) -> RowFilter {
    let claims: BTreeMap<String, Value> = serde_json::from_value(claims).unwrap();
    filter(text, Claims::Of(&claims)).unwrap()
}

#[test]
fn admitted_expressions_come_out_quoted_and_typed() {
    for (text, wanted) in [
        ("name = 'it''s'", r#"("name" = 'it''s')"#),
        ("'a' < name", r#"('a' < "name")"#),
        ("\"name\" <> 'a'", r#"("name" <> 'a')"#),
        ("profile.email LIKE '%@x.org'", r#"("profile"."email" LIKE '%@x.org')"#),
        ("NOT name ILIKE 'a_%'", r#"(NOT ("name" ILIKE 'a_%'))"#),
        ("n > -5 AND small <= 3", r#"(("n" > -5) AND ("small" <= 3))"#),
        ("n > 1.5", r#"("n" > 1.5)"#),
        ("x >= 2", r#"("x" >= 2.0)"#),
        ("n < x", r#"("n" < "x")"#),
        ("amount = 10.5", r#"("amount" = 10.50)"#),
        ("wide > -1", r#"("wide" > -1.0000000000)"#),
        ("day >= '2024-02-29'", r#"("day" >= DATE '2024-02-29')"#),
        ("day < DATE '2024-03-01'", r#"("day" < DATE '2024-03-01')"#),
        ("at < '2024-03-01 10:00:00'", r#"("at" < TIMESTAMP '2024-03-01T10:00:00')"#),
        ("seen < '2024-03-01T10:00:00+02:00'", r#"("seen" < TIMESTAMP '2024-03-01T08:00:00Z')"#),
        ("ok", r#""ok""#),
        ("ok = true AND ok IS NOT FALSE", r#"(("ok" = true) AND ("ok" IS NOT FALSE))"#),
        ("blob IS NULL OR profile IS NOT NULL", r#"(("blob" IS NULL) OR ("profile" IS NOT NULL))"#),
        ("name IN ('a', 'b')", r#"("name" IN ('a', 'b'))"#),
        ("n NOT IN (1, 2)", r#"("n" NOT IN (1, 2))"#),
        ("n NOT BETWEEN 1 AND 2", r#"("n" NOT BETWEEN 1 AND 2)"#),
        (
            "lower(name) = 'a' AND length(name) > 3",
            r#"((lower("name") = 'a') AND (char_length("name") > 3))"#,
        ),
        ("left(name, 2) = 'ab'", r#"(left("name", 2) = 'ab')"#),
        ("substr(name, 2, 3) = 'ab'", r#"(substr("name", 2, 3) = 'ab')"#),
        ("substring(name from 2 for 3) = 'ab'", r#"(substr("name", 2, 3) = 'ab')"#),
        ("starts_with(name, 'x')", r#"starts_with("name", 'x')"#),
        ("coalesce(name, 'none') = 'none'", r#"(coalesce("name", 'none') = 'none')"#),
        ("name || 'x' = 'ax'", r#"(("name" || 'x') = 'ax')"#),
        (
            "CASE WHEN n > 1 THEN name = 'a' ELSE false END",
            r#"CASE WHEN ("n" > 1) THEN ("name" = 'a') ELSE false END"#,
        ),
        ("CASE n WHEN 1 THEN ok END", r#"CASE WHEN ("n" = 1) THEN "ok" END"#),
        ("true", "true"),
    ] {
        assert_eq!(sql(text).as_deref(), Ok(wanted), "{text}");
    }
}

/// None of these may pass: each could fail on some row, or reach beyond the row.
const REFUSED: &[&str] = &[
    "1/n > 0",
    "n % 2 = 0",
    "n + 1 > 2",
    "-n > 1",
    "cast(name as int) > 0",
    "name::int > 0",
    "try_cast(name as int) > 0",
    "n = 'a'",
    "n = '1'",
    "name = 1",
    "name > n",
    "day = 'today'",
    "day = '2024-2-1'",
    "day = at",
    "at = seen",
    "at = '2024-01-01T00:00:00Z'",
    "seen = '2024-01-01T00:00:00'",
    "amount = 1.005",
    "amount = 99999999999",
    "amount > n",
    "amount > wide",
    "amount > x",
    "n = 99999999999999999999",
    "n = 1e3",
    "ok > false",
    "blob = 'a'",
    "profile = 'a'",
    "n IN (select 1)",
    "exists (select 1)",
    "(select true)",
    "n = any(array[1])",
    "n = 1 + 1",
    "name ~ 'a'",
    "name similar to 'a'",
    "name rlike 'a'",
    "name LIKE name",
    "name LIKE 'a' ESCAPE '!'",
    "name LIKE 'a\\'",
    "regexp_like(name, 'a')",
    "random() > 0.5",
    "now() > at",
    "current_date = day",
    "repeat(name, 9) = 'a'",
    "substr(name, n) = 'a'",
    "substr(name, 0, 1) = 'a'",
    "left(name, -1) = 'a'",
    "upper(n) = 'A'",
    "sum(n) > 1",
    "count(*) > 1",
    "lower(name) OVER () = 'a'",
    "lower(DISTINCT name) = 'a'",
    "\"lower\"(name) = 'a'",
    "schema.lower(name) = 'a'",
    "name",
    "n",
    "'a'",
    "null",
    "1",
    "n = null",
    "n IN (1, null)",
    "n IN ()",
    "1 = 1",
    "'a' = 'a'",
    "n AND ok",
    "NOT n",
    "nosuch = 1",
    "profile.nosuch = 'a'",
    "name.first = 'a'",
    "profile['email'] = 'a'",
    "$1 = n",
    "n = ?",
    "n IS NOT DISTINCT FROM 1",
    "interval '1' day > at",
    "name COLLATE x = 'a'",
    "ok XOR ok",
    "n & 1 = 1",
    "(n, n) = (1, 1)",
    "n = 1; drop table t",
    "n = 1 n = 2",
    "",
    "x'61' = name",
    "E'a' = name",
    "U&'a' = name",
    "N'a' = name",
    "*",
    "t.*",
    "at time zone 'UTC' = at",
    "extract(year from day) = 2024",
    "day > DATE 'now'",
    "CASE WHEN ok THEN 1 ELSE name END = 1",
    "coalesce(day, '2024-01-01x') = day",
    "null is null",
    "n between 1 and 'b'",
    "f(n) -> n",
];

#[test]
fn whatever_could_fail_or_reach_further_is_refused() {
    for text in REFUSED {
        let outcome = sql(text);
        assert!(outcome.is_err(), "{text} gave {outcome:?}");
    }
}

#[test]
fn claims_stand_beside_columns_only() {
    for text in [
        "claim('a')",
        "claim('a') = 'b'",
        "claim('a') = claim('b')",
        "lower(claim('a')) = 'a'",
        "lower(name) = claim('a')",
        "name LIKE claim('a')",
        "claim('a') IS NULL",
        "claim() = name",
        "claim(name) = name",
        "claim('a', 'b') = name",
        "coalesce(claim('a'), 'x') = name",
        "claim('') = name",
        "CASE WHEN ok THEN claim('a') END = name",
        "blob = claim('a')",
        "profile = claim('a')",
        "profile IN (claim('a'))",
        "starts_with(name, claim('a'))",
        "\"claim\"('a') = name",
    ] {
        assert!(sql(text).is_err(), "{text}");
    }
    for text in [
        "name = claim('a')",
        "claim('a') = name",
        "CLAIM('a') <> name",
        "n BETWEEN claim('lo') AND claim('hi')",
        "name IN (claim('a'), 'x')",
        "profile.email = claim('a')",
        "amount < claim('a')",
        "seen > claim('a')",
    ] {
        assert!(sql(text).is_ok(), "{text}: {:?}", sql(text));
    }
}

#[test]
fn claims_bind_as_typed_values() {
    let bound = |text: &str, claims: Value| match with_claims(text, claims) {
        RowFilter::Expression(bound) => (bound.ast.to_string(), bound.params),
        other => panic!("{other:?}"),
    };
    let hostile = "x') OR ('1'='1";
    let (text, params) = bound("name IN (claim('c'))", json!({"c": ["UA", hostile]}));
    assert_eq!(text, r#"("name" IN ($1, $2))"#);
    assert_eq!(params, [ClaimValue::String("UA".into()), ClaimValue::String(hostile.into())]);
    let (_, params) = bound("name IN (claim('c'))", json!({"c": "UA"}));
    assert_eq!(params.len(), 1);
    let (_, params) = bound("amount <= claim('c')", json!({"c": 7}));
    assert_eq!(params, [ClaimValue::Decimal128 { unscaled: 700, precision: 12, scale: 2 }]);
    let (_, params) = bound("x = claim('c')", json!({"c": 7}));
    assert_eq!(params, [ClaimValue::Float(7.0)]);
    let (_, params) = bound("day = claim('c')", json!({"c": "1970-01-02"}));
    assert_eq!(params, [ClaimValue::Date(1)]);
}

#[test]
fn an_unusable_claim_hides_every_row() {
    for (text, claims) in [
        ("ok OR name NOT IN (claim('c'))", json!({})),
        ("ok OR name NOT IN (claim('c'))", json!({"c": null})),
        ("ok OR name NOT IN (claim('c'))", json!({"c": []})),
        ("ok OR name NOT IN (claim('c'))", json!({"c": [1]})),
        ("ok OR name NOT IN (claim('c'))", json!({"c": ["a", null]})),
        ("ok OR name NOT IN (claim('c'))", json!({"c": ["a", ["b"]]})),
        ("ok OR name NOT IN (claim('c'))", json!({"c": {"a": 1}})),
        ("name = claim('c')", json!({"c": ["a"]})),
        ("name = claim('c')", json!({"c": 1})),
        ("name = claim('c')", json!({"C": "a"})),
        ("n = claim('c')", json!({"c": "1"})),
        ("n = claim('c')", json!({"c": 1.0})),
        ("n = claim('c')", json!({"c": 18_446_744_073_709_551_615_u64})),
        ("small = claim('c')", json!({"c": 128})),
        ("amount = claim('c')", json!({"c": 1.5})),
        ("amount = claim('c')", json!({"c": 99_999_999_999_i64})),
        ("ok = claim('c')", json!({"c": "true"})),
        ("ok = claim('c')", json!({"c": 1})),
        ("day = claim('c')", json!({"c": "2024-13-01"})),
        ("day = claim('c')", json!({"c": 1})),
        ("seen = claim('c')", json!({"c": "2024-01-01T00:00:00"})),
        ("at = claim('c')", json!({"c": "2024-01-01T00:00:00Z"})),
        ("CASE WHEN ok THEN true ELSE name = claim('c') END", json!({})),
        ("ok OR NOT (name = claim('c'))", json!({})),
        ("(name = claim('c')) IS NOT TRUE", json!({})),
    ] {
        let found = with_claims(text, claims.clone());
        assert!(matches!(found, RowFilter::Nothing), "{text} with {claims} gave {found:?}");
    }
}

#[test]
fn a_wrong_rule_is_wrong_even_where_a_claim_is_missing() {
    let claims = BTreeMap::new();
    assert!(filter("name = claim('c') AND nosuch = 1", Claims::Of(&claims)).is_err());
}

#[test]
fn size_and_depth_are_limited_at_exactly_n() {
    let chain = |terms: usize| vec!["ok"; terms].join(" OR ");
    assert!(sql(&chain(1_000)).is_ok());
    assert!(parsed(&chain(1_001)).unwrap_err().contains("2000 tokens"));
    assert!(parsed(&chain(100_000)).is_err());
    let nested = |depth: usize| format!("{}ok{}", "(".repeat(depth), ")".repeat(depth));
    assert!(sql(&nested(64)).is_ok(), "{:?}", sql(&nested(64)));
    assert!(parsed(&nested(65)).is_err());
    assert!(parsed(&format!("{}ok", "NOT ".repeat(1_500))).is_err());
    assert!(parsed(&format!("{}1 = n", "- ".repeat(1_500))).is_err());
    assert!(parsed(&format!("{} ok {}", "CASE WHEN ".repeat(400), "END ".repeat(400))).is_err());
    assert!(sql(&format!("name = {}", vec!["'a'"; 900].join(" || "))).is_err());
    assert!(parsed(&"x".repeat(70_000)).is_err());
    let list = vec!["1"; 990].join(",");
    assert!(sql(&format!("n IN ({list})")).is_ok());
}

#[test]
fn long_chains_come_out_shallow() {
    let text = vec!["ok"; 1_000].join(" AND ");
    let RowFilter::Expression(bound) = filter(&text, Claims::Sample).unwrap() else { panic!("no filter") };
    let shown = bound.ast.to_string();
    let mut depth = 0usize;
    let mut deepest = 0;
    for letter in shown.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    assert!(deepest <= 10, "{deepest}");
}

#[test]
fn messages_name_the_place_and_what_is_wrong() {
    let problem = parse("a >", &Arc::from(Path::new("p.yaml")), 3, 5).unwrap_err();
    assert_eq!((problem.line, problem.column), (3, 5));
    assert!(problem.to_string().starts_with("p.yaml:3:5: expression does not parse"), "{problem}");
    assert_eq!(filter("nome = 'a'", Claims::Sample).unwrap_err(), "unknown column \"nome\"");
    assert!(filter("name = clam('a')", Claims::Sample).unwrap_err().contains("\"clam\""));
}

#[test]
fn values_make_arrays_of_their_column_type() {
    for field in table().0 {
        let sample = Claims::Sample.scalar("c", field.data_type());
        match (sample, field.data_type()) {
            (Ok(value), data_type) => {
                assert_eq!(value.to_array(data_type).unwrap().data_type(), data_type);
                assert!(value.to_array(&DataType::Binary).is_err());
            }
            (Err(_), DataType::Binary | DataType::Struct(_)) => {}
            (Err(error), other) => panic!("{other}: {error:?}"),
        }
    }
}
