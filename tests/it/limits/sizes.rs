//! Sizes of requests, pages and results.

use std::fmt::Write;

use reqwest::Method;
use serde_json::json;
use sluice_tests::client::raw;
use sluice_tests::gateway::{Setup, run};

use super::limited;
use crate::accounts;

const ROWS: &str = "/v1/tables/accounts/rows";

#[test]
fn a_body_of_the_limit_passes_and_a_byte_more_does_not() {
    run(async {
        let gateway = limited("body", json!({ "limits": { "body_bytes_max": 2_000 } })).await;
        let admin = gateway.role("admin");
        let body = |bytes: usize| {
            let mut text = "{\"sql\":\"select 1 as one\"}".to_owned();
            text.push_str(&" ".repeat(bytes - text.len()));
            Some(("application/json", text.into_bytes()))
        };
        let _ = admin.send(Method::POST, "/v1/sql", body(2_000)).await.expect_status(200);
        let over = admin.send(Method::POST, "/v1/sql", body(2_001)).await;
        assert_eq!((over.status, over.code().as_str()), (413, "request_too_large"), "{}", over.text());
        let chunked = format!(
            "POST /v1/sql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             transfer-encoding: chunked\r\nconnection: close\r\n\r\n7d1\r\n{}\r\n0\r\n\r\n",
            gateway.token("admin", json!({})),
            " ".repeat(2_001)
        );
        assert!(raw(gateway.addr(), chunked.as_bytes()).await.starts_with("HTTP/1.1 413"));
        gateway.shutdown().await;
    });
}

#[test]
fn a_url_of_the_limit_passes_and_a_byte_more_does_not() {
    run(async {
        let gateway = limited("url", json!({ "limits": { "url_bytes_max": 300 } })).await;
        let admin = gateway.role("admin");
        let target = |bytes: usize| {
            let start = format!("{ROWS}?filter=id%3C5");
            let padding = "+".repeat(bytes - start.len());
            start + &padding
        };
        let _ = admin.get(&target(300)).await.expect_status(200);
        let over = admin.get(&target(301)).await;
        assert_eq!((over.status, over.code().as_str()), (414, "request_too_large"), "{}", over.text());
        gateway.shutdown().await;
    });
}

#[test]
fn as_many_header_fields_as_the_limit_pass_and_one_more_does_not() {
    run(async {
        let gateway = limited("headers", json!({ "limits": { "headers_max": 10 } })).await;
        let token = gateway.token("admin", json!({}));
        let request = |fields: usize| {
            let mut text = format!(
                "GET /v1/tables HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n"
            );
            for field in 3..fields {
                write!(text, "x-field-{field}: 1\r\n").unwrap();
            }
            text + "\r\n"
        };
        let at = raw(gateway.addr(), request(10).as_bytes()).await;
        assert!(at.starts_with("HTTP/1.1 200"), "{at}");
        let over = raw(gateway.addr(), request(11).as_bytes()).await;
        assert!(over.starts_with("HTTP/1.1 431") && over.contains("\"request_too_large\""), "{over}");
        gateway.shutdown().await;
    });
}

#[test]
fn a_token_of_the_limit_passes_and_a_byte_more_does_not() {
    run(async {
        let probe = limited("token-probe", json!({})).await;
        let length = probe.token("admin", json!({})).len();
        probe.shutdown().await;
        for (limit, status) in [(length, 200), (length - 1, 401)] {
            let gateway = limited("token", json!({ "tokens": { "token_bytes_max": limit } })).await;
            assert_eq!(gateway.role("admin").get("/v1/tables").await.status, status);
            gateway.shutdown().await;
        }
    });
}

#[test]
fn a_page_holds_the_limit_and_says_that_there_is_more() {
    run(async {
        let limits = json!({ "limits": { "page_rows_max": 20, "page_rows_default": 10 } });
        let gateway = limited("page", limits).await;
        let admin = gateway.role("admin");
        let page = admin.get(ROWS).await.expect_status(200).json();
        assert_eq!(page["data"].as_array().unwrap().len(), 10);
        let page = admin.get(&format!("{ROWS}?limit=20")).await.expect_status(200).json();
        assert_eq!((page["data"].as_array().unwrap().len(), &page["page"]["has_more"]), (20, &json!(true)));
        let over = admin.get(&format!("{ROWS}?limit=21")).await;
        assert_eq!((over.status, over.code().as_str()), (400, "invalid_request"), "{}", over.text());
        gateway.shutdown().await;
    });
}

#[test]
fn a_table_may_have_smaller_pages() {
    run(async {
        let mut definition = accounts::definition();
        definition["page_rows_max"] = json!(7);
        let setup = Setup::new("small-pages", accounts::POLICIES).table(definition);
        accounts::write(&setup.place("accounts"));
        let gateway = setup.start().await;
        let admin = gateway.role("admin");
        let page = admin.get(ROWS).await.expect_status(200).json();
        assert_eq!((page["data"].as_array().unwrap().len(), &page["page"]["has_more"]), (7, &json!(true)));
        assert_eq!(admin.get(&format!("{ROWS}?limit=7")).await.expect_status(200).data().len(), 7);
        assert_eq!(admin.get(&format!("{ROWS}?limit=8")).await.status, 400);
        assert_eq!(admin.walk("accounts", &[]).await.len(), usize::try_from(accounts::ROWS).unwrap());
        gateway.shutdown().await;
    });
}

#[test]
fn a_page_cut_by_bytes_goes_on_where_it_stopped() {
    run(async {
        let gateway = limited("page-bytes", json!({ "limits": { "page_bytes_max": 4_096 } })).await;
        let admin = gateway.role("admin");
        let page = admin.get(&format!("{ROWS}?limit=200&order=id")).await.expect_status(200).json();
        let first = page["data"].as_array().unwrap().len();
        assert!(first > 0 && first < 200, "{first}");
        assert_eq!(page["page"]["has_more"], json!(true));
        for parameters in [&[("limit", "200")][..], &[("limit", "200"), ("order", "-id")]] {
            let mut ids: Vec<i64> = admin
                .walk("accounts", parameters)
                .await
                .iter()
                .map(|row| row["id"].as_i64().unwrap())
                .collect();
            ids.sort_unstable();
            assert_eq!(ids, (0..accounts::ROWS).collect::<Vec<i64>>());
        }
        gateway.shutdown().await;
    });
}

#[test]
fn a_result_of_the_limit_is_whole_and_one_row_more_is_an_error() {
    run(async {
        let gateway = limited("result", json!({ "limits": { "result_rows_max": 50 } })).await;
        let admin = gateway.role("admin");
        let sql = |rows: u32| format!("select id from accounts order by id limit {rows}");
        assert_eq!(admin.sql(&sql(50)).await.expect_status(200).data().len(), 50);
        let over = admin.sql(&sql(51)).await;
        assert_eq!((over.status, over.code().as_str()), (413, "result_too_large"), "{}", over.text());
        let groups = |below: u32| json!({ "group_by": ["id"], "measures": [{ "fn": "count", "as": "n" }], "filter": format!("id < {below}") });
        let at = admin.post("/v1/tables/accounts/aggregate", &groups(50)).await.expect_status(200).data();
        assert_eq!(at.len(), 50);
        let over = admin.post("/v1/tables/accounts/aggregate", &groups(51)).await;
        assert_eq!((over.status, over.code().as_str()), (413, "result_too_large"), "{}", over.text());
        // The limit is one of a page, of which there may be more.
        let mut page = groups(120);
        page["limit"] = json!(51);
        let over = admin.post("/v1/tables/accounts/aggregate", &page).await;
        assert_eq!((over.status, over.code().as_str()), (413, "result_too_large"), "{}", over.text());
        page["limit"] = json!(50);
        for rows in [50, 50, 20] {
            let answer = admin.post("/v1/tables/accounts/aggregate", &page).await.expect_status(200);
            assert_eq!(answer.data().len(), rows);
            page["cursor"] = answer.json()["page"]["next_cursor"].clone();
        }
        assert!(page["cursor"].is_null());
        let mut all = groups(50);
        all["limit"] = json!(u64::MAX);
        assert_eq!(
            admin.post("/v1/tables/accounts/aggregate", &all).await.expect_status(200).data().len(),
            50
        );
        gateway.shutdown().await;
    });
}

#[test]
fn a_result_over_the_bytes_is_an_error() {
    run(async {
        let gateway = limited("result-bytes", json!({ "limits": { "result_bytes_max": 2_000 } })).await;
        let admin = gateway.role("admin");
        let _ = admin.sql("select id from accounts limit 3").await.expect_status(200);
        let over = admin.sql("select * from accounts").await;
        assert_eq!((over.status, over.code().as_str()), (413, "result_too_large"), "{}", over.text());
        gateway.shutdown().await;
    });
}

#[test]
fn an_answer_over_the_limit_is_refused_by_every_call() {
    run(async {
        let probe = limited("answer-probe", json!({})).await;
        // Versions and times are told in a few digits more or less: names make up for it.
        let pages = ["/v1/tables/accounts/rows?select=id&limit=3", "/v1/tables/accounts/rows/7"];
        let long = format!("select null as {}, id from accounts", "n".repeat(1_000));
        let mut lengths: Vec<usize> = Vec::new();
        for page in pages {
            lengths.push(probe.role("admin").get(page).await.expect_status(200).body.len());
        }
        lengths.push(probe.role("admin").sql(&long).await.expect_status(200).body.len());
        probe.shutdown().await;
        for (at, length) in lengths.into_iter().enumerate() {
            const DIGITS: usize = 8;
            for (limit, status) in [(length + DIGITS, 200), (length - DIGITS, 413)] {
                let gateway = limited("answer", json!({ "limits": { "answer_bytes_max": limit } })).await;
                let admin = gateway.role("admin");
                let answer = match pages.get(at) {
                    Some(page) => admin.get(page).await,
                    None => admin.sql(&long).await,
                };
                assert_eq!(answer.status, status, "{limit}: {}", answer.text());
                if status == 413 {
                    assert_eq!(answer.code(), "result_too_large", "{}", answer.text());
                }
                gateway.shutdown().await;
            }
        }
    });
}
