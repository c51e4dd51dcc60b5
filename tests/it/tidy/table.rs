//! The import table of `ARCHITECTURE.md`: owns reading it. Code-quoted words in its three columns
//! count, and the word "everything"; all others are for people. A row `gateway` is the crate's root
//! alone (`lib.rs`, `main.rs`), so that a new module needs a row of its own.

use std::path::Path;

const HEADER: &str = "| who | may import | the one home of |";

/// Who may import whom.
#[derive(Debug)]
pub(super) struct ImportTable {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    who: Vec<String>,
    may_import: Vec<String>,
    home_of: Vec<String>,
}

impl ImportTable {
    pub(super) fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md");
        let text = std::fs::read_to_string(&path).expect("ARCHITECTURE.md at the root");
        let table = Self::parse(&text);
        assert!(!table.rows.is_empty(), "ARCHITECTURE.md has no table \"{HEADER}\"");
        table
    }

    fn parse(text: &str) -> Self {
        let lines = text.lines().skip_while(|line| !line.starts_with(HEADER)).skip(2);
        let rows = lines
            .take_while(|line| line.starts_with('|'))
            .map(|line| {
                let mut cells = line.trim_matches('|').split('|').map(quoted);
                let mut cell = || cells.next().unwrap_or_default();
                let mut row = Row { who: cell(), may_import: cell(), home_of: cell() };
                if line.split('|').nth(2).is_some_and(|allowed| allowed.contains("everything")) {
                    row.may_import.push("everything".to_owned());
                }
                row
            })
            .collect();
        Self { rows }
    }

    /// The most precise entry that covers a module: `gateway::protocol::rest` before
    /// `gateway::protocol`.
    pub(super) fn who(&self, module: &str) -> Option<&str> {
        let names = self.rows.iter().flat_map(|row| &row.who);
        let covering = names.filter(|who| is_part(who, module));
        covering.max_by_key(|who| full_name(who).len()).map(String::as_str)
    }

    /// Whether `who` may name `target`, a module path of ours. A module may always import itself.
    pub(super) fn allows(&self, who: &str, target: &str) -> bool {
        let own = covers(&full_name(who), target);
        own || self
            .row(who)
            .may_import
            .iter()
            .any(|one| one == "everything" || covers(&full_name(one), target))
    }

    /// Whether a crate that has a home is at home in `who`.
    pub(super) fn is_home(&self, who: &str, name: &str) -> bool {
        self.row(who).home_of.iter().any(|one| one.replace('-', "_") == name)
    }

    /// Every crate that has a home, as it is written in code.
    pub(super) fn homed_crates(&self) -> Vec<String> {
        self.rows.iter().flat_map(|row| &row.home_of).map(|name| name.replace('-', "_")).collect()
    }

    fn row(&self, who: &str) -> &Row {
        self.rows.iter().find(|row| row.who.iter().any(|one| one == who)).expect("a row of the table")
    }
}

/// Whether the entry `who` speaks for a module.
fn is_part(who: &str, module: &str) -> bool {
    match who {
        "gateway" => ["gateway::lib", "gateway::main"].contains(&module),
        _ => covers(&full_name(who), module),
    }
}

/// The table calls modules of the gateway by their short names.
fn full_name(who: &str) -> String {
    let who = who.trim_end_matches("/*").replace('/', "::");
    let first = who.split("::").next().unwrap_or_default();
    if ["catalog", "policies", "proto", "tests", "loadtest", "gateway"].contains(&first) {
        return who;
    }
    format!("gateway::{who}")
}

fn covers(outer: &str, inner: &str) -> bool {
    inner == outer || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with("::"))
}

fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_most_precise_row_decides() {
    let table = ImportTable::parse(
        "# text\n\n| who | may import | the one home of |\n| --- | --- | --- |\n\
         | `catalog`, `policies` | nothing of ours | `delta-kernel` |\n\
         | `engine` | `catalog` | `datafusion` |\n\
         | `protocol` | `query` | `axum` |\n| `protocol/rest` | `query`, `engine/statement` | `axum`, `arrow-json` |\n",
    );
    assert_eq!(table.who("gateway::protocol::rest::rows"), Some("protocol/rest"));
    assert_eq!(table.who("gateway::protocol::auth"), Some("protocol"));
    assert_eq!(table.who("gateway::views"), None);
    assert!(table.allows("protocol/rest", "gateway::engine::statement"));
    assert!(!table.allows("protocol/rest", "gateway::engine::scan"));
    assert!(!table.allows("catalog", "policies::rule"));
    assert!(table.allows("engine", "catalog::snapshot") && table.allows("engine", "gateway::engine::scan"));
    assert!(table.is_home("catalog", "delta_kernel") && !table.is_home("engine", "delta_kernel"));
}
