//! HTTP itself: methods, media types, request ids, caching headers and other origins.

use reqwest::Method;
use serde_json::json;
use sluice_tests::client::raw;
use sluice_tests::gateway::{Gateway, Setup, run};

/// Every call there is.
const PATHS: [(&str, &str); 10] = [
    ("/v1/tables", "GET"),
    ("/v1/tables/airlines", "GET"),
    ("/v1/tables/airlines/rows", "GET"),
    ("/v1/tables/airlines/rows/UA", "GET"),
    ("/v1/tables/airlines/query", "POST"),
    ("/v1/tables/airlines/aggregate", "POST"),
    ("/v1/sql", "POST"),
    ("/healthz", "GET"),
    ("/readyz", "GET"),
    ("/metrics", "GET"),
];

#[test]
fn head_answers_like_get_without_a_body() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin");
        for (path, method) in PATHS {
            let head = admin.send(Method::HEAD, path, None).await;
            if method == "GET" {
                let get = admin.get(path).await;
                assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
                assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
            } else {
                assert_eq!((head.status, head.body.len()), (405, 0), "{path}");
            }
        }
        let missing = admin.send(Method::HEAD, "/v1/tables/nope", None).await;
        assert_eq!((missing.status, missing.body.len()), (404, 0));
        let nobody = gateway.nobody().send(Method::HEAD, "/v1/tables", None).await;
        assert_eq!((nobody.status, nobody.body.len()), (401, 0));
    });
}

#[test]
fn other_methods_are_refused_with_those_that_are_taken() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin");
        for (path, taken) in PATHS {
            for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                if method.as_str() == taken {
                    continue;
                }
                let answer =
                    admin.send(method.clone(), path, Some(("application/json", b"{}".to_vec()))).await;
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (405, "method_not_allowed"),
                    "{method} {path}"
                );
                assert!(
                    answer.header("allow").contains(taken),
                    "{method} {path}: {}",
                    answer.header("allow")
                );
            }
        }
    });
}

#[test]
fn unknown_paths_are_problem_documents_too() {
    run(async {
        let gateway = Gateway::demo().await;
        for path in [
            "/",
            "/v1",
            "/v1/",
            "/v2/tables",
            "/v1/tables/airlines/nope",
            "/v1/tables/airlines/rows/UA/more",
            "/favicon.ico",
        ] {
            let answer = gateway.role("admin").get(path).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (404, "not_found"),
                "{path}: {}",
                answer.text()
            );
        }
    });
}

#[test]
fn only_json_is_spoken() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin");
        for accept in ["text/html", "application/xml", "text/csv;q=1", "application/json;q=0"] {
            let answer = admin.clone().header("accept", accept).get("/v1/tables").await;
            assert_eq!((answer.status, answer.code().as_str()), (406, "not_acceptable"), "{accept}");
        }
        for accept in ["*/*", "application/*", "application/json", "text/html, application/json;q=0.5"] {
            let _ = admin.clone().header("accept", accept).get("/v1/tables").await.expect_status(200);
        }
        let calls = || PATHS.into_iter().filter(|(path, _)| path.starts_with("/v1/"));
        for (path, method) in calls() {
            let html = admin.clone().header("accept", "text/html");
            let answer = html.send(method.parse().unwrap(), path, None).await;
            assert_eq!((answer.status, answer.code().as_str()), (406, "not_acceptable"), "{path}");
        }
        for (path, _) in calls().filter(|(_, method)| *method == "POST") {
            let answer = admin.send(Method::POST, path, Some(("text/csv", b"{}".to_vec()))).await;
            assert_eq!((answer.status, answer.code().as_str()), (415, "unsupported_media_type"), "{path}");
        }
        for media_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=latin1",
            "application/sql",
        ] {
            let answer = admin
                .send(Method::POST, "/v1/sql", Some((media_type, b"{\"sql\":\"select 1\"}".to_vec())))
                .await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (415, "unsupported_media_type"),
                "{media_type}"
            );
        }
        let compressed = admin
            .clone()
            .header("content-encoding", "gzip")
            .post("/v1/sql", &json!({ "sql": "select 1" }))
            .await;
        assert_eq!(compressed.status, 415, "{}", compressed.text());
    });
}

#[test]
fn a_sane_request_id_is_kept_and_an_odd_one_replaced() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin");
        let kept = admin.clone().header("x-request-id", "my-request.1").get("/v1/tables").await;
        assert_eq!(kept.header("x-request-id"), "my-request.1");
        let long = "x".repeat(1_000);
        for odd in ["", "<script>", "a b", long.as_str()] {
            let answer = admin.clone().header("x-request-id", odd).get("/v1/tables/nope").await;
            let given = answer.header("x-request-id");
            assert!(!given.is_empty() && given != odd && given.len() <= 128, "{odd}: {given}");
            assert!(odd.is_empty() || !answer.text().contains(odd), "{}", answer.text());
        }
        let one = admin.get("/v1/tables").await;
        let two = admin.get("/v1/tables").await;
        assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
    });
}

#[test]
fn answers_are_private_and_vary_by_caller() {
    run(async {
        let gateway = Gateway::demo().await;
        let answer = gateway.role("admin").get("/v1/tables/airlines/rows").await.expect_status(200);
        assert!(answer.header("cache-control").contains("private"));
        let vary = answer.header("vary").to_ascii_lowercase();
        for name in ["authorization", "accept", "accept-encoding", "sluice-json", "sluice-role"] {
            assert!(vary.split(',').any(|part| part.trim() == name), "{vary}");
        }
        assert_eq!(answer.header("sluice-cache"), "engine");
    });
}

#[test]
fn only_listed_origins_may_call() {
    run(async {
        let policies = "version: 1\nroles:\n  reader: { tables: {} }\n";
        let origins = json!({ "server": { "cors": { "allowed_origins": ["https://app.example"] } } });
        let gateway = Setup::new("cors", policies).with(origins).start().await;
        let reader = gateway.role("reader");
        let listed =
            reader.clone().header("origin", "https://app.example").get("/v1/tables").await.expect_status(200);
        assert_eq!(listed.header("access-control-allow-origin"), "https://app.example");
        for origin in [
            "https://evil.example",
            "https://app.example.evil",
            "http://app.example",
            "null",
            "https://APP.example:444",
        ] {
            let answer = reader.clone().header("origin", origin).get("/v1/tables").await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        }
        let preflight = gateway
            .nobody()
            .header("origin", "https://app.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type,sluice-role")
            .send(Method::OPTIONS, "/v1/sql", None)
            .await;
        assert!([200, 204].contains(&preflight.status), "{}", preflight.text());
        assert_eq!(preflight.header("access-control-allow-origin"), "https://app.example");
        assert!(
            preflight.header("access-control-allow-headers").to_ascii_lowercase().contains("authorization")
        );
        gateway.shutdown().await;
    });
}

#[test]
fn numbers_can_be_asked_for_as_strings() {
    run(async {
        let gateway = Gateway::demo().await;
        let admin = gateway.role("admin");
        let sql = "select cast(9007199254740993 as bigint) as big, cast(1.10 as decimal(12,2)) as price, 1.5 as half";
        let plain = admin.sql(sql).await.expect_status(200).text();
        assert!(plain.contains("\"big\":9007199254740993") && plain.contains("\"price\":1.10"), "{plain}");
        let safe = admin.clone().header("sluice-json", "safe").sql(sql).await.expect_status(200).text();
        assert!(
            safe.contains("\"big\":\"9007199254740993\"") && safe.contains("\"price\":\"1.10\""),
            "{safe}"
        );
        let nan = "select cast('NaN' as double) as n, cast('inf' as double) as i";
        let plain = admin.sql(nan).await.expect_status(200).data();
        assert_eq!(plain, [json!({ "n": null, "i": null })]);
        let named =
            admin.clone().header("sluice-json", "nan=string").sql(nan).await.expect_status(200).data();
        assert_eq!(named, [json!({ "n": "NaN", "i": "Infinity" })]);
        assert_eq!(admin.header("sluice-json", "sfae").get("/v1/tables/airlines/rows").await.status, 400);
    });
}

#[test]
fn requests_that_are_no_http_do_not_disturb_the_gateway() {
    run(async {
        let gateway = Gateway::demo().await;
        for request in [
            &b"GARBAGE\r\n\r\n"[..],
            b"GET /v1/tables HTTP/9.9\r\n\r\n",
            b"GET /v1/tables HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
            b"GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n",
            b"GET /healthz HTTP/1.1\r\nhost: x\r\nhost: y\r\nconnection: close\r\n\r\n",
            b"GET /v1/tables/%00/rows HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            b"GET /v1/../../etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            b"POST /v1/sql HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
            b"POST /v1/sql HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            let answer = raw(gateway.addr(), request).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        }
        let _ = gateway.role("admin").get("/v1/tables").await.expect_status(200);
    });
}
