//! Server-sent events: what each kind of commit is told as, and whom a request for events is refused.

use reqwest::Method;
use serde_json::{Value, json};
use sluice_tests::delta::HandTable;
use sluice_tests::events::Event;
use sluice_tests::gateway::{Gateway, Setup, run};

use super::{ALL, asked, begins, change, figure, of_event, rows, subscribed, told};
use crate::following::stage::{Stage, among, clear, masked, of, schema};
use crate::graphql::code;

#[test]
fn each_kind_of_commit_is_told_as_what_it_added_that_its_reader_sees() {
    run(async {
        let mut stage = Stage::build("subscribed-kinds", json!({})).await;
        let filtered = "subscription($w: TWhere) { tChanged(where: $w) { version more rows { id } } }";
        let variables = json!({ "w": { "id": { "in": ["2", 3] }, "ssn": { "isNull": true } } });
        let (reader, tenant) = (stage.gateway.role("reader"), stage.gateway.role("tenant"));
        let mut all = subscribed(&reader, ALL, 0).await;
        let mut own = subscribed(&tenant, ALL, 0).await;
        let asked = json!({ "query": filtered, "variables": variables });
        let mut some = tenant.events("/graphql", &asked).await;
        assert_eq!(change(&mut some).await, begins(0));

        stage.table.append(&[of("a", [1, 2]), of("b", [3])]);
        let both = [clear("a", [1, 2]), clear("b", [3])].concat();
        assert_eq!(change(&mut all).await, told(1, false, rows(both)));
        assert_eq!(change(&mut own).await, told(1, false, rows(masked([1, 2]))));
        assert_eq!(change(&mut some).await, told(1, false, json!([{ "id": "2" }])));
        // Hidden rows are as none, and as a compaction.
        stage.table.append(&[of("b", [4])]);
        stage.table.compact();
        assert_eq!(change(&mut all).await, told(2, false, rows(clear("b", [4]))));
        assert_eq!(change(&mut all).await, told(3, false, json!([])));
        for version in [2, 3] {
            assert_eq!(change(&mut own).await, told(version, false, json!([])));
            assert_eq!(change(&mut some).await, told(version, false, json!([])));
        }
        stage.table.overwrite(&[of("a", [5, 6])]);
        stage.table.delete(among(&[5]));
        for version in [4, 5] {
            for events in [&mut all, &mut own, &mut some] {
                assert_eq!(change(events).await, told(version, false, Value::Null));
            }
        }
        stage.gateway.shutdown().await;
    });
}

#[test]
fn events_say_what_was_selected_of_them_and_which_version_they_are_true_at() {
    run(async {
        let mut stage = Stage::build("subscribed-selected", json!({})).await;
        let document = "subscription S { c: tChanged { __typename at: committedAt v: version rows { __typename n: id } } }";
        let mut events = stage.gateway.role("reader").events("/graphql", &asked(document)).await;
        assert_eq!(events.header("cache-control"), "no-store");
        events.data().await;
        stage.table.append(&[of("a", [7])]);
        let event = events.data().await;
        let [table] = &event["extensions"]["sluice"]["fields"]["c"]["tables"].as_array().unwrap()[..] else {
            panic!("{event}")
        };
        assert_eq!((&table["table"], &table["version"]), (&json!("t"), &json!(1)));
        let expected = json!({ "c": { "__typename": "TChange", "at": table["as_of"], "v": "1",
            "rows": [{ "__typename": "T", "n": "7" }] } });
        assert_eq!(event["data"], expected);
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_commit_of_many_rows_comes_in_parts_each_of_which_lives_as_a_query() {
    run(async {
        let limits = json!({ "limits": { "change_rows_max": 2 } });
        let mut stage = Stage::build("subscribed-parts", limits).await;
        let ended = async |outcome: &str| {
            let outcome = format!("outcome=\"{outcome}\"");
            let parts = ["sluice_queries_total{", "door=\"graphql\"", "kind=\"changes\"", &outcome];
            figure(&stage.gateway, &parts).await
        };
        let mut events = subscribed(&stage.gateway.role("reader"), ALL, 0).await;
        stage.table.append(&[of("a", 1..6)]);
        for (ids, more) in [(1..3, true), (3..5, true), (5..6, false)] {
            assert_eq!(change(&mut events).await, told(1, more, rows(clear("a", ids))));
        }
        assert_eq!((ended("done").await, ended("failed").await), (4, 0));
        stage.gateway.shutdown().await;
    });
}

#[test]
fn rows_lead_to_those_of_other_tables_as_they_are_now() {
    const POLICIES: &str = "
version: 1
roles:
  reader: { tables: { t: { columns: '*' }, owners: { columns: '*' } } }
  tenant: { tables: { t: { columns: '*' }, owners: { columns: '*', rows: \"tenant = 'a'\" } } }
";
    run(async {
        let relation = json!({ "name": "owner", "table": "t", "columns": ["tenant"], "back": "owned",
            "references": { "table": "owners", "columns": ["tenant"] } });
        let setup = Setup::new("subscribed-related", POLICIES)
            .table(json!({ "name": "t", "location": "t" }))
            .table(json!({ "name": "owners", "location": "owners", "primary_key": ["tenant"] }))
            .with(json!({ "catalog": { "relations": [relation] } }));
        let mut table = HandTable::create(&setup.place("t"), &schema());
        let mut owners = HandTable::create(&setup.place("owners"), &schema());
        owners.append(&[of("a", [10]), of("b", [20])]);
        let gateway = setup.start().await;
        let document =
            "subscription { tChanged { version more rows { id owner { id owned { totalCount } } } } }";
        let mut all = subscribed(&gateway.role("reader"), document, 0).await;
        let mut own = subscribed(&gateway.role("tenant"), document, 0).await;
        table.append(&[of("a", [1]), of("b", [2])]);
        let row = |id: &str, owner: Value| json!({ "id": id, "owner": owner });
        let owner = |id: &str| json!({ "id": id, "owned": { "totalCount": "1" } });
        let seen = json!([row("1", owner("10")), row("2", owner("20"))]);
        assert_eq!(change(&mut all).await, told(1, false, seen));
        let seen = json!([row("1", owner("10")), row("2", Value::Null)]);
        assert_eq!(change(&mut own).await, told(1, false, seen));
        gateway.shutdown().await;
    });
}

#[test]
fn whatever_is_asked_for_events_is_answered_by_them() {
    run(async {
        let caller = Gateway::demo().await.role("analyst");
        let query = "{ airlines(first: 1) { nodes { carrier } } }";
        let mut events = caller.events("/graphql", &asked(query)).await;
        assert_eq!(events.data().await["data"]["airlines"]["nodes"].as_array().unwrap().len(), 1);
        assert_eq!((events.next().await, events.next().await), (Some(Event::Complete), None));
        for document in ["{", "{ nope }", "subscription { flightsChanged { rows { nope } } }"] {
            let mut events = caller.events("/graphql", &asked(document)).await;
            let event = events.data().await;
            assert!(event["errors"][0]["extensions"]["code"].is_string(), "{event}");
            assert!(event.get("data").is_none(), "{event}");
            assert_eq!((events.next().await, events.next().await), (Some(Event::Complete), None));
        }
    });
}

#[test]
fn a_subscription_is_answered_by_events_alone_one_at_a_time() {
    run(async {
        let stage = Stage::build("subscribed-forms", json!({})).await;
        let caller = stage.gateway.role("reader");
        let refused = caller.post("/graphql", &asked(ALL)).await.expect_status(406);
        assert_eq!(code(&refused), "not_acceptable");
        let refused = caller.ask("/graphql", &[("query", ALL)]).await.expect_status(405);
        assert_eq!(code(&refused), "method_not_allowed");
        let listed = caller.post("/graphql", &json!([asked("{ __typename }"), asked(ALL)])).await;
        let listed = listed.expect_status(200).json();
        assert_eq!(listed[0]["data"]["__typename"], "Query");
        assert_eq!(listed[1]["errors"][0]["extensions"]["code"], "not_acceptable");
        let wants =
            |caller: &sluice_tests::client::Caller| caller.clone().header("Accept", "text/event-stream");
        let several = wants(&caller).post("/graphql", &json!([asked("{ __typename }")])).await;
        assert_eq!(code(&several.expect_status(400)), "invalid_request");
        let unknown = wants(&stage.gateway.nobody()).post("/graphql", &asked(ALL)).await;
        assert_eq!(unknown.header("content-type"), "application/json; charset=utf-8");
        assert_eq!(code(&unknown.expect_status(401)), "unauthenticated");
        for accept in ["text/event-stream", "application/json, text/event-stream"] {
            let target = "/graphql?query=subscription%7BtChanged%7Bversion%7D%7D";
            let mut events = caller.clone().header("Accept", accept).events_of(Method::GET, target).await;
            assert_eq!(of_event(&events.data().await), json!({ "version": "0" }));
        }
        stage.gateway.shutdown().await;
    });
}

#[test]
fn where_subscriptions_are_turned_off_there_are_none() {
    run(async {
        let stage = Stage::build("subscribed-off", json!({ "graphql": { "subscriptions": false } })).await;
        let caller = stage.gateway.role("reader");
        let mut events = caller.events("/graphql", &asked(ALL)).await;
        assert_eq!(events.data().await["errors"][0]["extensions"]["code"], "invalid_document");
        let schema = "{ __schema { subscriptionType { name } } }";
        let told = caller.post("/graphql", &asked(schema)).await.json();
        assert_eq!(told["data"]["__schema"]["subscriptionType"], Value::Null);
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_quiet_stream_outlives_the_idle_time_of_its_connection() {
    run(async {
        let overrides = json!({
            "server": { "connection_idle_ms_max": 1_600, "body_read_timeout_ms": 1_500 },
            "limits": { "query_time_ms_max": 1_500, "queue_wait_ms_max": 1_500 },
        });
        let mut stage = Stage::build("subscribed-quiet", overrides).await;
        let mut events = subscribed(&stage.gateway.role("reader"), ALL, 0).await;
        // One each third of that time: twice as long.
        for _ in 0..6 {
            assert_eq!(events.any().await, Some(Event::Alive));
        }
        stage.table.append(&[of("a", [1])]);
        assert_eq!(change(&mut events).await, told(1, false, rows(clear("a", [1]))));
        stage.gateway.shutdown().await;
    });
}
