//! Tests of admission at each limit and one beyond it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::pin::pin;

use futures::future::{Either, poll_immediate};

use super::*;
use crate::engine::statement::{OrderKey, PerKey};

fn gate(limits: &LimitsConfig) -> Admission {
    Admission::new(limits, &Metrics::new().unwrap())
}

fn caller(subject: &str) -> Principal {
    Principal { subject: subject.to_owned(), ..Principal::local("analyst", BTreeMap::new()) }
}

fn small() -> LimitsConfig {
    LimitsConfig {
        queries_concurrent_max: 2,
        heavy_queries_concurrent_max: 1,
        queries_queued_max: 1,
        queue_wait_ms_max: 60_000,
        query_time_ms_max: 60_000,
        ..LimitsConfig::default()
    }
}

#[tokio::test]
async fn slots_fill_then_queue_then_refuse() {
    let gate = gate(&small());
    let first = gate.admit(QueryClass::Light, None).await.unwrap();
    let _second = gate.admit(QueryClass::Light, None).await.unwrap();
    let mut third = pin!(gate.admit(QueryClass::Light, None));
    assert!(poll_immediate(third.as_mut()).await.is_none(), "the third waits");
    let refused = gate.admit(QueryClass::Light, None).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Overloaded);
    assert!(refused.retry_after.is_some());
    drop(first);
    assert!(third.await.is_ok());
}

#[tokio::test]
async fn a_waiter_that_goes_away_leaves_the_queue() {
    let gate = gate(&small());
    let _running = gate.admit(QueryClass::Heavy, None).await.unwrap();
    for _ in 0..3 {
        let waiting = pin!(gate.admit(QueryClass::Heavy, None));
        let still = futures::future::select(waiting, std::future::ready(())).await;
        assert!(matches!(still, Either::Right(_)), "queued, neither admitted nor refused");
    }
}

#[tokio::test]
async fn heavy_queries_take_no_light_slot() {
    let gate = gate(&small());
    let _heavy = gate.admit(QueryClass::Heavy, None).await.unwrap();
    let _light = gate.admit(QueryClass::Light, None).await.unwrap();
    let _light_too = gate.admit(QueryClass::Light, None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_is_refused() {
    let gate = gate(&LimitsConfig { queue_wait_ms_max: 50, ..small() });
    let _running = gate.admit(QueryClass::Heavy, None).await.unwrap();
    assert_eq!(gate.admit(QueryClass::Heavy, None).await.unwrap_err().code, ErrorCode::Overloaded);
}

#[tokio::test]
async fn a_subject_over_its_burst_is_told_when_to_come_back_and_others_are_not_affected() {
    let gate = gate(&LimitsConfig { subject_requests_per_s: 1, subject_burst_requests: 3, ..small() });
    for _ in 0..3 {
        gate.count(caller("a")).unwrap();
    }
    let refused = gate.count(caller("a")).unwrap_err();
    assert_eq!(refused.code, ErrorCode::RateLimited);
    assert!(refused.retry_after.unwrap() <= Duration::from_secs(1));
    gate.count(caller("b")).unwrap();
    let other_issuer = Principal { issuer: "elsewhere".to_owned(), ..caller("a") };
    gate.count(other_issuer).unwrap();
}

#[tokio::test]
async fn beyond_the_tracked_subjects_all_share_one_allowance() {
    let limits = LimitsConfig {
        subject_requests_per_s: 1,
        subject_burst_requests: 2,
        subjects_tracked_max: 1,
        ..small()
    };
    let gate = gate(&limits);
    gate.count(caller("a")).unwrap();
    gate.count(caller("b")).unwrap();
    gate.count(caller("c")).unwrap();
    assert_eq!(gate.count(caller("d")).unwrap_err().code, ErrorCode::RateLimited);
}

#[tokio::test]
async fn short_memory_refuses_all_but_a_query_that_is_alone() {
    let gate = gate(&LimitsConfig { resident_bytes_max: 1, ..small() });
    let _alone = gate.admit(QueryClass::Heavy, None).await.unwrap();
    let refused = gate.admit(QueryClass::Light, None).await.unwrap_err();
    assert_eq!((refused.code, refused.message.as_str()), (ErrorCode::Overloaded, "memory is short"));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_of_the_caller_bounds_the_wait_and_the_query() {
    let limits = LimitsConfig { queue_wait_ms_max: 1_000, query_time_ms_max: 2_000, ..small() };
    let gate = gate(&limits);
    let after = |ms: u64| Some(Instant::now() + Duration::from_millis(ms));
    let running = gate.admit(QueryClass::Heavy, after(500)).await.unwrap();
    assert!(running.deadline().exceeded().message.contains("deadline of the call"));
    let refused = gate.admit(QueryClass::Heavy, after(900)).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::DeadlineExceeded);
    let waited_too_long = gate.admit(QueryClass::Heavy, after(1_100)).await.unwrap_err();
    assert_eq!(waited_too_long.code, ErrorCode::Overloaded);
    assert_eq!(gate.admit(QueryClass::Light, after(0)).await.unwrap_err().code, ErrorCode::DeadlineExceeded);
    let long = gate.admit(QueryClass::Light, after(60_000)).await.unwrap();
    assert!(long.deadline().exceeded().message.contains("2000 ms"));
}

#[test]
fn rows_of_many_keys_are_heavy_unless_any_row_of_each_will_do() {
    let key: arrow::array::ArrayRef = std::sync::Arc::new(arrow::array::Int64Array::from(vec![1]));
    let keys = arrow::array::RecordBatch::try_from_iter([("k", key)]).unwrap();
    let per_key = PerKey { columns: vec!["k".to_owned()], keys };
    let of_many = Select { per_key: Some(per_key), limit: Some(1), ..Select::default() };
    let class = |select: Select| QueryClass::of(&Statement::Select(select));
    assert_eq!(class(of_many.clone()), QueryClass::Light);
    let order = vec![OrderKey { column: "v".to_owned(), descending: false, nulls_first: false }];
    for heavy in [
        Select { limit: None, ..of_many.clone() },
        Select { limit: Some(2), ..of_many.clone() },
        Select { count_exact: true, ..of_many.clone() },
        Select { order: order.clone(), ..of_many.clone() },
    ] {
        assert_eq!(class(heavy), QueryClass::Heavy);
    }
    assert_eq!(class(Select { order, count_exact: true, ..Select::default() }), QueryClass::Light);
}
