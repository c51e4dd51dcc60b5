//! Rules and their change while callers are at work: owns cursors that were opened under one policy
//! and sent back under another, and what a broken file shows.

use serde_json::{Value, json};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::waiting::until;

use crate::accounts;

const ROWS: &str = "/v1/tables/accounts/rows";

async fn gateway(name: &str) -> Gateway {
    let setup = Setup::new(name, policies("id >= 0")).table(accounts::definition());
    let _table = accounts::write(&setup.place("accounts"));
    setup.start().await
}

/// A role that sees what `rows` admits, and may travel in time.
fn policies(rows: &str) -> String {
    format!(
        "version: 1\nroles:\n  reader:\n    time_travel: true\n    tables:\n      accounts: {{ columns: '*', rows: \"{rows}\" }}\n"
    )
}

fn replace(gateway: &Gateway, text: &str) {
    std::fs::write(gateway.directory.join("policies.yaml"), text).unwrap();
}

/// A page without a cursor; shows which rules are in force.
async fn total(reader: &Caller) -> u64 {
    let page = reader.get(&format!("{ROWS}?limit=1&count=exact")).await.expect_status(200).json();
    page["page"]["total_rows"].as_u64().unwrap()
}

async fn metric(gateway: &Gateway, line: &str) -> bool {
    let metrics = gateway.nobody().get("/metrics").await.expect_status(200).text();
    metrics.lines().any(|one| one == line)
}

#[test]
fn an_open_cursor_obeys_the_new_policy_at_once() {
    run(async {
        let gateway = gateway("reload-cursor").await;
        let reader = gateway.role("reader");
        for order in ["", "&order=-id"] {
            replace(&gateway, &policies("id >= 0"));
            until("all rows are shown", || async { (total(&reader).await == 200).then_some(()) }).await;
            let target = format!("{ROWS}?limit=10&select=id,tenant{order}");
            let first = reader.get(&target).await.expect_status(200).json();
            let cursor = first["page"]["next_cursor"].as_str().unwrap().to_owned();
            let next = || async { reader.get(&format!("{target}&cursor={cursor}")).await };
            let _ = next().await.expect_status(200);

            replace(&gateway, &policies("tenant = 'a'"));
            // From the first answer under the new rules on there is none under the old ones.
            let after: Answer = until("the new rules are in force", || async {
                let answer = next().await;
                (answer.status != 200).then_some(answer)
            })
            .await;
            assert_eq!(after.code(), "cursor_mismatch", "{}", after.text());
            for _ in 0..50 {
                assert_eq!(next().await.code(), "cursor_mismatch");
            }
            let rows = reader.walk("accounts", &[("limit", "50"), ("select", "tenant")]).await;
            assert!(!rows.is_empty() && rows.iter().all(|row| row["tenant"] == json!("a")), "{rows:?}");

            // The rights of before come back, and with them the cursor's.
            replace(&gateway, &policies("id >= 0"));
            let again = until("the old rules are in force again", || async {
                let answer = next().await;
                (answer.status == 200).then_some(answer)
            })
            .await;
            assert_eq!(again.data().len(), 10);
        }
        gateway.shutdown().await;
    });
}

#[test]
fn a_walk_through_an_older_version_ends_with_the_grant() {
    run(async {
        let gateway = gateway("reload-travel").await;
        let reader = gateway.role("reader");
        let begin = |parameters: &'static str| {
            let reader = &reader;
            async move {
                let page =
                    reader.get(&format!("{ROWS}?limit=10{parameters}")).await.expect_status(200).json();
                format!("{ROWS}?limit=10&cursor={}", page["page"]["next_cursor"].as_str().unwrap())
            }
        };
        let (plain, travelling) = (begin("").await, begin("&version=1").await);
        let page = reader.get(&travelling).await.expect_status(200).json();
        let later = format!("{ROWS}?limit=10&cursor={}", page["page"]["next_cursor"].as_str().unwrap());
        replace(&gateway, &policies("id >= 0").replace("time_travel: true", "time_travel: false"));
        let after = until("the grant is gone", || async {
            let answer = reader.get(&travelling).await;
            (answer.status != 200).then_some(answer)
        })
        .await;
        assert_eq!((after.status, after.code().as_str()), (403, "forbidden"), "{}", after.text());
        assert_eq!(reader.get(&later).await.code(), "forbidden");
        assert_eq!(reader.get(&plain).await.expect_status(200).data().len(), 10);
        gateway.shutdown().await;
    });
}

#[test]
fn a_table_that_is_taken_away_is_not_found_by_its_cursor() {
    run(async {
        let gateway = gateway("reload-gone").await;
        let reader = gateway.role("reader");
        let first = reader.get(&format!("{ROWS}?limit=10")).await.expect_status(200).json();
        let cursor = first["page"]["next_cursor"].as_str().unwrap().to_owned();
        replace(&gateway, "version: 1\nroles: { reader: { tables: {} } }\n");
        let target = format!("{ROWS}?limit=10&cursor={cursor}");
        let gone = until("the grant is gone", || async {
            let answer = reader.get(&target).await;
            (answer.status != 200).then_some(answer)
        })
        .await;
        let never = reader.get(&target.replace("accounts", "acc_unts")).await;
        let document = |answer: &Answer, table: &str| {
            let mut document: Value = answer.json();
            document.as_object_mut().unwrap().remove("request_id");
            (answer.status, document.to_string().replace(table, "T"))
        };
        assert_eq!(document(&gone, "accounts"), document(&never, "acc_unts"));
        assert_eq!(gone.status, 404);
        gateway.shutdown().await;
    });
}

#[test]
fn a_broken_file_keeps_the_old_rules_and_their_cursors_and_says_so() {
    run(async {
        let gateway = gateway("reload-broken").await;
        let reader = gateway.role("reader");
        let first = reader.get(&format!("{ROWS}?limit=10")).await.expect_status(200).json();
        let cursor = first["page"]["next_cursor"].as_str().unwrap().to_owned();
        until("the metrics tell of sound rules", || async {
            metric(&gateway, "sluice_policies_current 1").await.then_some(())
        })
        .await;
        for (number, broken) in
            ["version: 1\nroles: [", "version: 2\nroles: {}\n", &policies("no_such_column = 1"), ""]
                .into_iter()
                .enumerate()
        {
            replace(&gateway, broken);
            let refused = format!("sluice_policy_reloads_total{{outcome=\"refused\"}} {}", number + 1);
            until("the metrics tell of the broken file", || async {
                let told = metric(&gateway, &refused).await;
                (told && metric(&gateway, "sluice_policies_current 0").await).then_some(())
            })
            .await;
            let report = until("readiness tells of the broken file", || async {
                let report = gateway.nobody().get("/readyz").await;
                report.text().contains("the old set is in force").then_some(report)
            })
            .await;
            assert!(!report.text().contains("no_such_column"), "{}", report.text());
            assert_eq!(total(&reader).await, 200, "{broken:?}");
            let page = reader.get(&format!("{ROWS}?limit=10&cursor={cursor}")).await;
            assert_eq!(page.expect_status(200).data().len(), 10, "{broken:?}");
        }
        replace(&gateway, &policies("tenant = 'a'"));
        until("the mended file is in force", || async {
            (total(&reader).await < 200 && metric(&gateway, "sluice_policies_current 1").await).then_some(())
        })
        .await;
        gateway.shutdown().await;
    });
}
