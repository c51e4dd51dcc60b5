//! Several questions answered as one: owns the promise that each is answered at the version that was the newest when
//! the first came, without a grant, and only where nothing else was asked for.

use std::fs;

use arrow::array::Array;
use serde_json::json;
use sluice_gateway::engine::statement::Select;
use sluice_gateway::query::error::QueryError;
use sluice_gateway::query::request::{Pins, Request, VersionSelector};
use sluice_gateway::query::response::Response;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup, run};
use sluice_tests::random::seeded;
use sluice_tests::waiting::until;

use super::asked::Asked;
use super::model::schema;
use super::stage::{POLICIES, Stage, definition};

async fn ask(
    gateway: &Gateway,
    role: &'static str,
    select: Select,
    version: VersionSelector,
    pins: Option<&Pins>,
) -> Result<Response, QueryError> {
    let request = Asked { gateway, role }.request(select);
    let answer = gateway.service().execute(Request { version, pins: pins.cloned(), ..request }).await;
    answer.map(|delivery| delivery.response)
}

fn pins(gateway: &Gateway, role: &'static str) -> Pins {
    Asked { gateway, role }.pins(&["t", "no such table"])
}

#[test]
fn what_is_pinned_is_read_as_it_was_without_a_grant() {
    run(async {
        let mut random = seeded("paging::pins");
        let mut stage = Stage::build(&mut random).await;
        let latest = VersionSelector::Latest;
        for role in ["reader", "masked", "groupless"] {
            let select = || Select { limit: Some(2), ..Select::default() };
            let before = ask(&stage.gateway, role, select(), latest, None).await.unwrap();
            let pinned = pins(&stage.gateway, role);
            stage.append(&mut random);
            stage.settle().await;
            let version = before.tables[0].version;
            let as_it_was = ask(&stage.gateway, role, select(), latest, Some(&pinned)).await.unwrap();
            assert_eq!((as_it_was.tables[0].version, &as_it_was.batches), (version, &before.batches));
            let newest = ask(&stage.gateway, role, select(), latest, None).await.unwrap();
            assert!(newest.tables[0].version > version);
            // Its cursor goes on at that version, with the pins of a later moment and without.
            let later = pins(&stage.gateway, role);
            let cursor = as_it_was.page.unwrap().next_cursor;
            for pins in [None, Some(&later), Some(&pinned)] {
                let next = Select { cursor: cursor.clone(), ..select() };
                let next = ask(&stage.gateway, role, next, latest, pins).await.unwrap();
                assert_eq!(next.tables[0].version, version);
            }
        }
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_version_that_is_asked_for_comes_before_what_is_pinned() {
    run(async {
        let mut random = seeded("paging::pins_and_versions");
        let stage = Stage::build(&mut random).await;
        let first = VersionSelector::Version(1);
        let reader = pins(&stage.gateway, "reader");
        let answer = ask(&stage.gateway, "reader", Select::default(), first, Some(&reader)).await.unwrap();
        assert_eq!(answer.tables[0].version, 1);
        let masked = pins(&stage.gateway, "masked");
        let refused =
            ask(&stage.gateway, "masked", Select::default(), first, Some(&masked)).await.unwrap_err();
        assert_eq!(refused.code.as_str(), "forbidden");
        stage.gateway.shutdown().await;
    });
}

#[test]
fn pins_are_no_right_to_read() {
    run(async {
        let mut random = seeded("paging::pins_and_policies");
        let stage = Stage::build(&mut random).await;
        let latest = VersionSelector::Latest;
        let pinned = pins(&stage.gateway, "masked");
        // What the reader pinned is read as another role sees it.
        let own = ask(&stage.gateway, "masked", Select::default(), latest, None).await.unwrap();
        let others = pins(&stage.gateway, "reader");
        let answer = ask(&stage.gateway, "masked", Select::default(), latest, Some(&others)).await.unwrap();
        assert_eq!(answer.batches, own.batches);
        assert_eq!(answer.batches[0].column_by_name("name").unwrap().null_count(), own.batches[0].num_rows());
        // Nobody's tables are pinned, and then not read either.
        let none = pins(&stage.gateway, "stranger");
        let refused =
            ask(&stage.gateway, "stranger", Select::default(), latest, Some(&none)).await.unwrap_err();
        assert_eq!(refused.code.as_str(), "not_found");
        let refused =
            ask(&stage.gateway, "reader", Select::default(), latest, Some(&none)).await.unwrap_err();
        assert_eq!(refused.code.as_str(), "table_unavailable");
        // A grant that is taken away is gone at once.
        fs::write(stage.gateway.directory.join("policies.yaml"), POLICIES.replace("masked:", "renamed:"))
            .unwrap();
        until("the policies are reloaded", || async {
            let answer = ask(&stage.gateway, "masked", Select::default(), latest, Some(&pinned)).await;
            answer.is_err().then(|| assert_eq!(answer.unwrap_err().code.as_str(), "not_found"))
        })
        .await;
        stage.gateway.shutdown().await;
    });
}

#[test]
fn a_table_made_anew_under_its_name_is_not_the_pinned_one() {
    run(async {
        let setup = Setup::new("pins-anew", POLICIES).table(definition(json!("t")));
        let place = setup.place("t");
        HandTable::create(&place, &schema());
        let gateway = setup.start().await;
        let pinned = pins(&gateway, "reader");
        let latest = VersionSelector::Latest;
        assert!(ask(&gateway, "reader", Select::default(), latest, Some(&pinned)).await.is_ok());
        fs::remove_dir_all(&place).unwrap();
        let mut table = HandTable::create(&place, &schema());
        table.append(&[super::model::batch(&super::model::random_rows(
            &mut seeded("paging::pins_anew"),
            0,
            5,
        ))]);
        until("the table is known anew", || async {
            let answer = ask(&gateway, "reader", Select::default(), latest, None).await.ok()?;
            (answer.batches[0].num_rows() == 5).then_some(())
        })
        .await;
        let refused = ask(&gateway, "reader", Select::default(), latest, Some(&pinned)).await.unwrap_err();
        assert_eq!(refused.code.as_str(), "table_unavailable");
        gateway.shutdown().await;
    });
}
