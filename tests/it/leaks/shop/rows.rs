//! The rows of the shop: owns making them, visible ones by one seed and hidden ones by another, and filtering and masking
//! them by hand for each role.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Ids of owners that alice sees are below it.
pub(in crate::leaks) const OWNERS: i64 = 24;
/// Ids of payments that she sees are below it.
pub(in crate::leaks) const PAYMENTS: i64 = 150;
/// Ids from here on belong to owners that she does not see, where they are owners at all.
pub(in crate::leaks) const SOME_HIDDEN_OWNERS: i64 = 1_000;
/// No owner has this id.
pub(in crate::leaks) const MISSING: i64 = 500;
const HIDDEN_PAYMENTS: i64 = 10_000;
const FILES: usize = 3;
/// Seed of everything that alice sees.
const VISIBLE: u64 = 7;

#[derive(Debug, Clone)]
struct Owner {
    id: i64,
    tenant: &'static str,
    name: String,
    box_id: i64,
}

#[derive(Debug, Clone)]
struct Payment {
    id: i64,
    owner_id: Option<i64>,
    code: Option<String>,
    referred_by: Option<i64>,
    amount: i64,
    keeper_id: i64,
}

#[derive(Debug, Clone)]
struct Code {
    code: String,
    label: String,
}

/// All rows of all tables, in the order of their files.
#[derive(Debug, Clone)]
pub(in crate::leaks) struct Rows {
    owners: Vec<Owner>,
    payments: Vec<Payment>,
    codes: Vec<Code>,
}

impl Rows {
    /// What alice sees is the same for every seed; how much else there is, and where, is not.
    pub(in crate::leaks) fn new(hidden: u64) -> Self {
        let mut shown = StdRng::seed_from_u64(VISIBLE);
        let mut hidden = StdRng::seed_from_u64(hidden);
        let mut rows = Self { owners: Vec::new(), payments: Vec::new(), codes: Vec::new() };
        for id in 0..OWNERS {
            rows.owner(id, &mut shown, &mut hidden);
        }
        for id in 0..PAYMENTS {
            rows.payment(id, &mut shown, &mut hidden);
        }
        for letter in ["a", "b", "c", "d", "b"] {
            rows.codes.push(Code { code: masked_as(letter, &mut hidden), label: number(&mut shown, 90) });
            let label = "hidden".to_owned();
            rows.codes.push(Code { code: masked_as(letter, &mut hidden), label });
        }
        rows
    }

    fn owner(&mut self, id: i64, shown: &mut StdRng, hidden: &mut StdRng) {
        let name = masked_as(["a", "b", "c"][shown.random_range(0..3)], hidden);
        self.owners.push(Owner { id, tenant: "a", name, box_id: shown.random_range(0..5) });
        if hidden.random_bool(0.5) {
            let (id, name) = (SOME_HIDDEN_OWNERS + id, masked_as("z", hidden));
            self.owners.push(Owner { id, tenant: "b", name, box_id: 3 });
        }
    }

    fn payment(&mut self, id: i64, shown: &mut StdRng, hidden: &mut StdRng) {
        let owner_id = match shown.random_range(0..10) {
            0 => None,
            1 => Some(MISSING),
            2 | 3 => Some(SOME_HIDDEN_OWNERS + shown.random_range(0..OWNERS)),
            _ => Some(shown.random_range(0..OWNERS)),
        };
        let letter = ["a", "b", "c", "d", "e", ""][shown.random_range(0..6)];
        let code = (!letter.is_empty()).then(|| masked_as(letter, hidden));
        let amount = shown.random_range(0..800);
        let referred_by = hidden.random_bool(0.8).then(|| hidden.random_range(0..OWNERS));
        let keeper_id = hidden.random_range(0..OWNERS);
        self.payments.push(Payment { id, owner_id, code, referred_by, amount, keeper_id });
        for _ in 0..hidden.random_range(0_i64..5).saturating_sub(3).max(0) {
            let last = self.payments.len();
            self.payments.push(Payment {
                id: HIDDEN_PAYMENTS + i64::try_from(last).unwrap(),
                owner_id: Some(hidden.random_range(0..OWNERS)),
                amount: 800 + hidden.random_range(0..1_000),
                ..self.payments[last - 1].clone()
            });
        }
    }

    /// As alice is to see them.
    pub(in crate::leaks) fn for_alice(&self) -> Self {
        let first = |text: &String| text[..1].to_owned();
        let owners = self.owners.iter().filter(|owner| owner.tenant == "a");
        let payments = self.payments.iter().filter(|payment| payment.amount < 800);
        let codes = self.codes.iter().filter(|code| code.label != "hidden");
        Self {
            owners: owners.map(|owner| Owner { name: first(&owner.name), ..owner.clone() }).collect(),
            payments: payments
                .map(|payment| Payment {
                    code: payment.code.as_ref().map(first),
                    referred_by: None,
                    ..payment.clone()
                })
                .collect(),
            codes: codes.map(|code| Code { code: first(&code.code), ..code.clone() }).collect(),
        }
    }

    /// As bob is to see them.
    pub(in crate::leaks) fn for_bob(&self) -> Self {
        let payments = self.payments.iter().map(|payment| Payment {
            owner_id: payment.owner_id.map(|_| 5),
            amount: (payment.amount + 50) / 100 * 100,
            ..payment.clone()
        });
        Self {
            owners: self.owners.iter().filter(|owner| owner.id != 3).cloned().collect(),
            payments: payments.collect(),
            codes: self.codes.clone(),
        }
    }

    pub(super) fn owners(&self) -> Vec<RecordBatch> {
        files(&self.owners, |owners| {
            vec![
                ("id", ints(owners, |owner| Some(owner.id))),
                ("tenant", texts(owners, |owner| Some(owner.tenant))),
                ("name", texts(owners, |owner| Some(&owner.name))),
                ("box_id", ints(owners, |owner| Some(owner.box_id))),
            ]
        })
    }

    pub(super) fn payments(&self, with_keepers: bool) -> Vec<RecordBatch> {
        files(&self.payments, |payments| {
            let mut columns = vec![
                ("id", ints(payments, |payment| Some(payment.id))),
                ("owner_id", ints(payments, |payment| payment.owner_id)),
                ("code", texts(payments, |payment| payment.code.as_deref())),
                ("referred_by", ints(payments, |payment| payment.referred_by)),
                ("amount", ints(payments, |payment| Some(payment.amount))),
            ];
            if with_keepers {
                columns.push(("keeper_id", ints(payments, |payment| Some(payment.keeper_id))));
            }
            columns
        })
    }

    pub(super) fn codes(&self) -> RecordBatch {
        batch(vec![
            ("code", texts(&self.codes, |code| Some(&code.code))),
            ("label", texts(&self.codes, |code| Some(&code.label))),
        ])
    }

    pub(super) fn vault(&self) -> RecordBatch {
        let ids: Vec<i64> = (0..5).collect();
        batch(vec![("id", ints(&ids, |id| Some(*id))), ("contents", texts(&ids, |_| Some("gold")))])
    }
}

/// A text of which the first letter is seen.
fn masked_as(letter: &str, hidden: &mut StdRng) -> String {
    format!("{letter}-raw-{}", number(hidden, 1_000_000))
}

fn number(random: &mut StdRng, below: u32) -> String {
    random.random_range(0..below).to_string()
}

type Columns = Vec<(&'static str, ArrayRef)>;

/// Files of as many rows each, hidden ones counted: which rows share one depends on what is hidden.
fn files<T>(rows: &[T], columns: impl Fn(&[T]) -> Columns) -> Vec<RecordBatch> {
    rows.chunks(rows.len().div_ceil(FILES)).map(|rows| batch(columns(rows))).collect()
}

fn batch(columns: Columns) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .unwrap()
}

fn ints<T>(rows: &[T], of: impl Fn(&T) -> Option<i64>) -> ArrayRef {
    Arc::new(rows.iter().map(of).collect::<Int64Array>())
}

fn texts<'a, T>(rows: &'a [T], of: impl Fn(&'a T) -> Option<&'a str>) -> ArrayRef {
    Arc::new(rows.iter().map(of).collect::<StringArray>())
}
