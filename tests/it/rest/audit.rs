//! The audit trail: who read what, at which version, under which policy, with which outcome.

use serde_json::{Value, json};
use sluice_tests::gateway::{Setup, run};
use sluice_tests::process::Server;
use sluice_tests::waiting::until;

use crate::accounts;

const POLICIES: &str = "version: 1
roles:
  clerk: { tables: { accounts: { columns: '*', rows: \"tenant = 'a'\" } } }
  twin: { tables: { accounts: { columns: '*', rows: \"tenant = 'a'\" } } }
  other: { tables: { accounts: { columns: '*', rows: \"tenant = 'b'\" } } }
";

/// The audit events among the log's lines.
fn events(log: &str) -> Vec<Value> {
    let quoted = log.lines().filter_map(|line| line.split_once("sluice::audit")?.1.split_once("event="));
    quoted
        .map(|(_, quoted)| {
            let text = serde_json::Deserializer::from_str(quoted).into_iter::<String>().next();
            serde_json::from_str(&text.unwrap().unwrap()).unwrap()
        })
        .collect()
}

#[test]
fn an_event_names_the_version_and_the_policy_of_each_table() {
    run(async {
        let setup = Setup::new("audit", POLICIES).table(accounts::definition());
        let _table = accounts::write(&setup.place("accounts"));
        let server = Server::start(setup).await;
        let event = |id: &'static str| {
            let server = &server;
            until("the event is written", move || async move {
                events(&server.log()).into_iter().find(|event| event["request_id"] == id)
            })
        };
        let ask = |role: &str, id: &str| server.role(role).header("x-request-id", id);

        let _ = ask("clerk", "page").get("/v1/tables/accounts/rows?limit=5").await.expect_status(200);
        let _ = ask("clerk", "sql").sql("select count(*) as n from accounts").await.expect_status(200);
        let _ = ask("clerk", "row").get("/v1/tables/accounts/rows/1").await.expect_status(200);
        let _ = ask("clerk", "missing").get("/v1/tables/accounts/rows/999999").await.expect_status(404);
        let _ = ask("clerk", "table").get("/v1/tables/accounts").await.expect_status(200);
        let _ = ask("twin", "twin").get("/v1/tables/accounts/rows?limit=5").await.expect_status(200);
        let _ = ask("other", "other").get("/v1/tables/accounts/rows?limit=5").await.expect_status(200);
        let _ = ask("clerk", "refused").get("/v1/tables/nothing/rows").await.expect_status(404);

        let page = event("page").await;
        let policy = page["policy"].as_str().expect("a policy").to_owned();
        assert_eq!(policy.len(), 16, "{page}");
        for (id, outcome, rows) in [
            ("page", "done", 5),
            ("sql", "done", 1),
            ("row", "done", 1),
            ("missing", "not_found", 0),
            ("table", "done", 1),
        ] {
            let event = event(id).await;
            let expected = json!({
                "request_id": id, "issuer": "tests", "subject": "tester", "role": "clerk", "table": "accounts",
                "version": 3, "policy": policy, "outcome": outcome, "rows": rows,
            });
            assert_eq!(event, expected);
        }
        assert_eq!(event("twin").await["policy"], policy, "equal rights, one fingerprint");
        let other = event("other").await["policy"].clone();
        assert!(other.is_string() && other != policy, "{other}");
        let refused = event("refused").await;
        assert_eq!((&refused["policy"], &refused["version"]), (&Value::Null, &Value::Null));
        assert_eq!(refused["outcome"], "not_found");
    });
}

#[test]
fn sql_that_fails_is_in_the_trail() {
    run(async {
        let setup = Setup::new("audit-sql", POLICIES).table(accounts::definition());
        let _table = accounts::write(&setup.place("accounts"));
        let server = Server::start(setup).await;
        for (id, sql, outcome) in [
            ("syntax", "select * frm accounts", "invalid_expression"),
            ("no-table", "select 1 / 0 as x", "evaluation_failed"),
            ("unknown", "select * from nothing", "not_found"),
            ("division", "select 1 / (id - id) as x from accounts", "evaluation_failed"),
        ] {
            let answer = server.role("clerk").header("x-request-id", id).sql(sql).await;
            assert_eq!(answer.code(), outcome, "{id}: {}", answer.text());
            let found = until("the event is written", || async {
                let found: Vec<Value> =
                    events(&server.log()).into_iter().filter(|event| event["request_id"] == id).collect();
                (!found.is_empty()).then_some(found)
            })
            .await;
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(
                found.iter().all(|event| event["outcome"] == outcome && event["role"] == "clerk"),
                "{found:?}"
            );
        }
    });
}

#[test]
fn a_refusal_before_there_is_a_query_has_a_line_in_the_log() {
    run(async {
        let setup = Setup::new("refused", POLICIES).table(accounts::definition());
        let _table = accounts::write(&setup.place("accounts"));
        let server = Server::start(setup).await;
        let stranger = server.nobody().header("x-request-id", "stranger");
        let _ = stranger.get("/v1/tables/accounts/rows").await.expect_status(401);
        let lost = server.role("clerk").header("x-request-id", "lost");
        let _ = lost.get("/v1/nowhere").await.expect_status(404);
        for (id, status) in [("stranger", 401), ("lost", 404)] {
            until("the refusal is logged", || async {
                let log = server.log();
                let mut lines = log.lines().filter(|line| line.contains("request refused"));
                let has = |line: &str| line.contains(id) && line.contains(&format!("status={status}"));
                lines.any(has).then_some(())
            })
            .await;
        }
    });
}

#[test]
fn the_trace_of_a_caller_is_in_the_log() {
    run(async {
        let setup = Setup::new("trace", POLICIES).table(accounts::definition());
        let _table = accounts::write(&setup.place("accounts"));
        let server = Server::start(setup).await;
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let traced = |traceparent: String| server.role("clerk").header("traceparent", &traceparent);
        let malformed = trace.replace('4', "5");
        let _ = traced(format!("00-{malformed}-00f067aa0ba902b7")).get("/v1/tables/accounts/rows").await;
        let _ = traced(format!("00-{trace}-00f067aa0ba902b7-01")).get("/v1/tables/accounts/rows").await;
        server.logs(trace).await;
        assert!(server.log().lines().any(|line| line.contains("query ended") && line.contains(trace)));
        assert!(!server.log().contains(&malformed));
    });
}
