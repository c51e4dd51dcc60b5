//! Tests of what a query's life leaves behind, whichever way it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use super::*;
use crate::engine::statement::Lookup;
use crate::query::caller::Caller;
use crate::query::request::VersionSelector;

fn request() -> Request {
    let lookup = Lookup { table: "flights".to_owned(), columns: None, key: vec!["1".to_owned()] };
    Request {
        caller: Caller::counted(Principal::local("analyst", BTreeMap::new())),
        statement: Statement::Lookup(lookup),
        version: VersionSelector::Latest,
        pins: None,
        request_id: "r-1".to_owned(),
        deadline: None,
    }
}

fn begun(metrics: &Metrics) -> QueryLife<Asked> {
    QueryLife::begin(metrics, Door::Rest, &request(), None)
}

fn ended(metrics: &Metrics, labels: &str) -> bool {
    let line = format!("sluice_queries_total{{door=\"rest\",kind=\"lookup\",{labels}}} 1");
    metrics.render().contains(&line)
}

#[test]
fn a_life_that_is_dropped_is_cancelled() {
    let metrics = Metrics::new().unwrap();
    drop(begun(&metrics));
    assert!(
        ended(&metrics, "outcome=\"cancelled\",code=\"cancelled\",tier=\"none\""),
        "{}",
        metrics.render()
    );
}

#[test]
fn a_life_that_is_dropped_while_encoding_is_cancelled() {
    let metrics = Metrics::new().unwrap();
    drop(begun(&metrics).answered_other(vec![TableRead::unread("flights")], 1));
    assert!(
        ended(&metrics, "outcome=\"cancelled\",code=\"cancelled\",tier=\"engine\""),
        "{}",
        metrics.render()
    );
}

#[test]
fn a_failure_is_counted_under_its_code() {
    let metrics = Metrics::new().unwrap();
    begun(&metrics).failed(&QueryError::table_not_found("flights"));
    assert!(ended(&metrics, "outcome=\"failed\",code=\"not_found\",tier=\"none\""), "{}", metrics.render());
}

#[test]
fn a_done_life_is_counted_once() {
    let metrics = Metrics::new().unwrap();
    begun(&metrics).answered_other(vec![TableRead::unread("flights")], 1).done();
    assert!(ended(&metrics, "outcome=\"done\",code=\"ok\",tier=\"engine\""), "{}", metrics.render());
    assert_eq!(metrics.render().matches("sluice_queries_total{").count(), 1);
}
