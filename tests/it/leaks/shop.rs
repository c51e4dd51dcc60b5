//! Tables that belong together, with something to hide on either side of every relation: owns their rows, the same rows
//! filtered and masked by hand for each role, and the gateways over them. Does not ask.

mod rows;

use std::path::Path;

use arrow::array::RecordBatch;
use serde_json::{Value, json};
use sluice_tests::client::Caller;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Gateway, Setup};
use tokio::sync::OnceCell;

use self::rows::Rows;
pub(super) use self::rows::{MISSING, OWNERS, PAYMENTS, SOME_HIDDEN_OWNERS};

static SHOPS: OnceCell<Vec<Shop>> = OnceCell::const_new();

/// Names that neither role sees: of a table, of columns, and of the relations that lead there and back.
pub(super) const HIDDEN_NAMES: [&str; 6] = ["vault", "contents", "keeper_id", "keeper", "kept", "occupants"];

const POLICIES: &str = "
version: 1
roles:
  admin:
    administrator: true
    tables: { '*': { columns: all } }
  alice:
    tables:
      owners: { columns: '*', rows: \"tenant = 'a'\", masks: { name: { expression: \"left(name, 1)\" } } }
      payments:
        columns: '*'
        hide: [keeper_id]
        rows: amount < 800
        masks:
          code: { expression: \"left(code, 1)\" }
          referred_by: null
      codes: { columns: '*', rows: \"label <> 'hidden'\", masks: { code: { expression: \"left(code, 1)\" } } }
  bob:
    tables:
      owners: { columns: '*', rows: id <> 3 }
      payments: { columns: '*', hide: [keeper_id], masks: { owner_id: { constant: 5 }, amount: { round: 100 } } }
      codes: { columns: '*' }
";

const COPY_POLICIES: &str = "
version: 1
roles:
  reader: { tables: { owners: { columns: '*' }, payments: { columns: '*' }, codes: { columns: '*' } } }
";

/// What a role's copy holds.
pub(super) type Visible = fn(&Rows) -> Rows;

/// A role of the shop.
#[derive(Debug)]
pub(super) struct Shop {
    pub(super) role: &'static str,
    pub(super) secured: Caller,
    pub(super) secured_token: String,
    pub(super) gateway: &'static Gateway,
    /// The reader of what is visible to the role.
    pub(super) copy: Caller,
    pub(super) copy_token: String,
    pub(super) copy_gateway: &'static Gateway,
    /// The same role where all is the same but what is hidden from it.
    pub(super) twin: Option<Caller>,
}

/// alice, who has a twin, and bob.
pub(super) async fn shops() -> &'static [Shop] {
    SHOPS
        .get_or_init(|| async {
            let rows = Rows::new(1);
            let secured = keep(secured("shop", &rows).await);
            let twin = keep(self::secured("shop-twin", &Rows::new(2)).await);
            let mut shops: Vec<Shop> = Vec::new();
            let roles: [(&'static str, Visible, Option<&'static Gateway>); 2] =
                [("alice", Rows::for_alice, Some(twin)), ("bob", Rows::for_bob, None)];
            for (role, visible, twin) in roles {
                let copy = keep(copy(role, &visible(&rows)).await);
                shops.push(Shop {
                    role,
                    secured: secured.role(role),
                    secured_token: secured.role_token(role),
                    gateway: secured,
                    copy: copy.role("reader"),
                    copy_token: copy.role_token("reader"),
                    copy_gateway: copy,
                    twin: twin.map(|twin| twin.role(role)),
                });
            }
            shops
        })
        .await
}

fn keep(gateway: Gateway) -> &'static Gateway {
    Box::leak(Box::new(gateway))
}

fn relation(name: &str, from: (&str, &str), to: (&str, &str), back: &str) -> Value {
    json!({ "name": name, "table": from.0, "columns": [from.1],
        "references": { "table": to.0, "columns": [to.1] }, "back": back })
}

fn visible_relations() -> Vec<Value> {
    vec![
        relation("owner", ("payments", "owner_id"), ("owners", "id"), "payments"),
        relation("referrer", ("payments", "referred_by"), ("owners", "id"), "referrals"),
        relation("tariff", ("payments", "code"), ("codes", "code"), "payments"),
    ]
}

fn with_tables(setup: Setup) -> Setup {
    let table = |name: &str, key: &str| json!({ "name": name, "location": name, "primary_key": [key] });
    setup.table(table("owners", "id")).table(table("payments", "id")).table(table("codes", "code"))
}

/// The shop with its policies.
pub(super) async fn secured(name: &str, rows: &Rows) -> Gateway {
    let mut relations = visible_relations();
    relations.push(relation("keeper", ("payments", "keeper_id"), ("owners", "id"), "kept"));
    relations.push(relation("vault", ("owners", "box_id"), ("vault", "id"), "occupants"));
    let setup = with_tables(Setup::new(name, POLICIES))
        .table(json!({ "name": "vault", "location": "vault", "primary_key": ["id"] }))
        .with(json!({ "catalog": { "relations": relations } }));
    write(&setup.place("vault"), &[rows.vault()]);
    write_tables(&setup, rows, true);
    setup.start().await
}

async fn copy(role: &str, rows: &Rows) -> Gateway {
    let setup = with_tables(Setup::new(&format!("shop-of-{role}"), COPY_POLICIES))
        .with(json!({ "catalog": { "relations": visible_relations() } }));
    write_tables(&setup, rows, false);
    setup.start().await
}

fn write_tables(setup: &Setup, rows: &Rows, with_keepers: bool) {
    write(&setup.place("owners"), &rows.owners());
    write(&setup.place("payments"), &rows.payments(with_keepers));
    write(&setup.place("codes"), &[rows.codes()]);
}

/// A file for each batch.
fn write(directory: &Path, files: &[RecordBatch]) {
    let mut table = HandTable::create(directory, &files[0].schema()).numbered().row_group_rows(16);
    for file in files {
        table.append(std::slice::from_ref(file));
    }
}
