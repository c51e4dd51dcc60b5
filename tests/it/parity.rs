//! One question, one answer, whatever the door: owns tables of statements that every door is asked under every role of
//! two gateways, the demo's and one over a column of every type. Rows, types, paging, versions and refusals are the
//! same; a new statement is one line of `parity/demo.txt` or `parity/kinds.txt`.

mod cursors;
mod kinds;
mod rows;
mod statement;
mod suite;

use sluice_tests::doors::question::question;
use sluice_tests::gateway::{Gateway, run};

use self::suite::{ROLES, doors_of, failures};

const DEMO: (&str, &str) = ("demo.txt", include_str!("parity/demo.txt"));
const KINDS: (&str, &str) = ("kinds.txt", include_str!("parity/kinds.txt"));
/// Fewer have been lost, not left out.
const DEMO_STATEMENTS_MIN: usize = 75;
const KINDS_STATEMENTS_MIN: usize = 250;

#[test]
fn the_demo_answers_alike_at_every_door() {
    run(async {
        let gateway = Gateway::demo().await;
        all_alike(gateway, DEMO, DEMO_STATEMENTS_MIN).await;
        types_are_as_described(gateway).await;
    });
}

#[test]
fn every_type_is_answered_alike_at_every_door() {
    run(async {
        let gateway = kinds::gateway().await;
        all_alike(&gateway, KINDS, KINDS_STATEMENTS_MIN).await;
        types_are_as_described(&gateway).await;
        gateway.shutdown().await;
    });
}

async fn all_alike(gateway: &Gateway, (file, text): (&str, &str), count_min: usize) {
    let statements = statement::read(file, text).unwrap_or_else(|faults| panic!("{}", faults.join("\n")));
    assert!(statements.len() >= count_min, "{file} has {} statements only", statements.len());
    let failures = failures(gateway, &statements).await;
    assert!(failures.is_empty(), "{} answers of {file} differ:\n\n{}", failures.len(), failures.join("\n\n"));
}

/// A door that tells the types of an answer tells those of the description.
async fn types_are_as_described(gateway: &Gateway) {
    for role in ROLES {
        for door in doors_of(gateway, role) {
            // A door that describes no tables has no types of theirs to tell either.
            let Some(listed) = door.ask(&question("tables").unwrap(), None).await else { continue };
            for table in listed.said["description"].as_array().unwrap() {
                let name = table["name"].as_str().unwrap();
                let described = question(&format!("describe {name}")).unwrap();
                let described = door.ask(&described, None).await.unwrap();
                let asked = question(&format!("rows {name} {{\"limit\":1}}")).unwrap();
                let page = door.ask(&asked, None).await.unwrap();
                let columns = described.said["description"]["columns"].as_array().unwrap();
                for (told, member) in [(&page.columns, "name"), (&page.types, "type")] {
                    let right: Vec<&str> = columns.iter().map(|one| one[member].as_str().unwrap()).collect();
                    assert!(
                        told.as_ref().is_none_or(|told| *told == right),
                        "{role} {} {name}: {told:?} is not {right:?}",
                        door.name()
                    );
                }
            }
        }
    }
}
