//! The page for browsers: owns that it comes to whoever asks for a page, whole, and reaches nothing but its own door. What
//! it shows is GraphiQL's.

use reqwest::Method;
use serde_json::json;
use sluice_tests::client::Caller;
use sluice_tests::gateway::{Gateway, Setup, run};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn browser(gateway: &Gateway) -> Caller {
    gateway.nobody().header("accept", BROWSER)
}

/// What the page loads.
fn loaded(page: &str) -> Vec<String> {
    let names = page.split('"').filter(|part| part.starts_with("graphql/assets/"));
    names.map(|name| format!("/{name}")).collect()
}

#[test]
fn a_browser_gets_the_page_and_all_that_it_loads() {
    run(async {
        let gateway = Gateway::demo().await;
        let page = browser(gateway).get("/graphql").await.expect_status(200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
        let loaded = loaded(&page.text());
        let taking = |codings: &str| gateway.nobody().header("accept-encoding", codings);
        assert!(loaded.len() >= 5, "{}", page.text());
        for path in &loaded {
            let asset = taking("gzip, deflate, br").get(path).await.expect_status(200);
            assert_eq!(asset.header("x-content-type-options"), "nosniff");
            let ours = path.ends_with("/boot.js");
            let kept = if ours { "no-cache" } else { "max-age=86400, immutable" };
            assert_eq!(asset.header("cache-control"), kept, "{path}");
            assert_eq!(asset.body.starts_with(&[0x1f, 0x8b]), !ours, "{path}");
            assert_eq!(asset.header("content-encoding") == "gzip", !ours, "{path}");
            let again = taking("gzip").header("if-none-match", asset.header("etag")).get(path).await;
            assert!(again.expect_status(304).body.is_empty());
        }
        for path in ["/graphql/assets/", "/graphql/assets/page.html", "/graphql/assets/..%2fpage.rs"] {
            assert_eq!(gateway.nobody().get(path).await.expect_status(404).code(), "not_found", "{path}");
        }
    });
}

#[test]
fn a_client_without_gzip_gets_files_that_it_can_read() {
    run(async {
        let gateway = Gateway::demo().await;
        let page = browser(gateway).get("/graphql").await.expect_status(200);
        for path in loaded(&page.text()) {
            for codings in [None, Some("identity"), Some("br, gzip;q=0"), Some("gzip")] {
                let nobody = gateway.nobody();
                let caller = match codings {
                    Some(codings) => nobody.header("accept-encoding", codings),
                    None => nobody,
                };
                let asset = caller.get(&path).await.expect_status(200);
                let compressed = codings == Some("gzip") && !path.ends_with("/boot.js");
                assert_eq!(asset.header("content-encoding") == "gzip", compressed, "{path}: {codings:?}");
                assert_eq!(String::from_utf8(asset.body.clone()).is_err(), compressed, "{path}: {codings:?}");
                assert!(asset.header("vary").to_ascii_lowercase().contains("accept-encoding"));
                let head = caller.send(Method::HEAD, &path, None).await.expect_status(200);
                for name in ["content-encoding", "content-length", "content-type", "etag"] {
                    assert_eq!(head.header(name), asset.header(name), "{path}: {codings:?}: {name}");
                }
                assert_eq!(head.header("content-length"), asset.body.len().to_string(), "{path}");
                assert!(head.body.is_empty(), "{path}");
            }
        }
    });
}

#[test]
fn whoever_asks_for_no_page_gets_none() {
    run(async {
        let gateway = Gateway::demo().await;
        for accept in ["application/json", "*/*", "application/graphql-response+json, text/html;q=0.5"] {
            let answer = gateway.role("analyst").header("accept", accept).get("/graphql").await;
            assert!(!answer.header("content-type").contains("html"), "{accept}: {}", answer.text());
        }
        let query = "/graphql?query=%7B__typename%7D";
        let answer = gateway.role("analyst").header("accept", BROWSER).get(query).await.expect_status(200);
        assert_eq!(answer.json()["data"], json!({ "__typename": "Query" }));
    });
}

#[test]
fn a_gateway_without_the_page_serves_none_of_it() {
    run(async {
        let policies = "version: 1\nroles:\n  reader: { tables: {} }\n";
        let off = json!({ "graphql": { "graphiql": false } });
        let gateway = Setup::new("no_page", policies).with(off).start().await;
        assert!(!browser(&gateway).get("/graphql").await.header("content-type").contains("html"));
        let _ = gateway.nobody().get("/graphql/assets/boot.js").await.expect_status(404);
        gateway.shutdown().await;
    });
}
