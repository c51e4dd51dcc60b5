//! The structure of the source: owns the rules that the compiler cannot hold, and checks imports
//! against the table in `ARCHITECTURE.md`. Starts no gateway.

mod imports;
mod source;
mod table;

use std::collections::BTreeSet;
use std::path::Path;

use self::source::SourceFile;
use self::table::ImportTable;

const LINES_MAX: usize = 500;
const LINES_WATCHED: usize = 350;
const BANNED_NAMES: [&str; 7] = ["common", "utils", "util", "helpers", "types", "manager", "misc"];

fn sources() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let found = source::below(root);
    assert!(found.len() > 50, "only {} source files found below {}", found.len(), root.display());
    found
}

fn none_of(what: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn every_file_says_what_it_owns() {
    let silent =
        sources().iter().filter(|file| !file.text.starts_with("//! ")).map(SourceFile::name).collect();
    none_of("files that do not start with a //! line", silent);
}

#[test]
fn modules_are_named_after_what_they_hold() {
    let mut found: Vec<String> = Vec::new();
    for file in sources() {
        let stem = file.path.file_stem().unwrap().to_string_lossy().into_owned();
        let folders = file.path.parent().unwrap().iter().map(|part| part.to_string_lossy().into_owned());
        if stem == "mod" || folders.chain([stem]).any(|name| BANNED_NAMES.contains(&name.as_str())) {
            found.push(file.name());
        }
    }
    none_of("mod.rs files and modules whose names say nothing", found);
}

#[test]
fn files_stay_short() {
    let sources = sources();
    let mut watched: Vec<String> = Vec::new();
    let mut over: Vec<String> = Vec::new();
    for file in &sources {
        let line = format!("{} ({} lines)", file.name(), file.lines());
        match file.lines() {
            lines if lines > LINES_MAX => over.push(line),
            lines if lines > LINES_WATCHED => watched.push(line),
            _ => {}
        }
    }
    for file in watched {
        eprintln!("tidy: longer than {LINES_WATCHED} lines: {file}");
    }
    none_of("files that want splitting", over);
}

#[test]
fn nothing_is_left_half_done() {
    // Written in two parts, so that this file passes its own test.
    let signs = [
        concat!("to", "do!"),
        concat!("unimpl", "emented!"),
        concat!("#[ign", "ore"),
        concat!("FIX", "ME"),
        concat!("TO", "DO"),
        concat!("should_", "panic"),
    ];
    let mut found: Vec<String> = Vec::new();
    for file in sources() {
        for (number, line) in file.text.lines().enumerate() {
            if signs.iter().any(|sign| line.contains(sign)) {
                found.push(format!("{}:{}: {}", file.name(), number + 1, line.trim()));
            }
        }
    }
    none_of("leftovers", found);
}

#[test]
fn nothing_is_exported_wholesale() {
    let mut found: Vec<String> = Vec::new();
    for file in sources() {
        for (number, line) in file.code.lines().enumerate() {
            let line = line.trim();
            if line.starts_with("pub") && line.contains("use ") && line.contains("::*") {
                found.push(format!("{}:{}: {line}", file.name(), number + 1));
            }
        }
    }
    none_of("glob re-exports", found);
}

#[test]
fn imports_go_only_where_the_architecture_allows() {
    let table = ImportTable::read();
    let mut found: BTreeSet<String> = BTreeSet::new();
    for file in sources() {
        let Some(who) = table.who(&file.module()) else {
            if file.is_product() {
                found.insert(format!(
                    "{}: no row of the import table covers \"{}\"",
                    file.name(),
                    file.module()
                ));
            }
            continue;
        };
        for import in imports::ours(&file) {
            if !table.allows(who, &import.target) {
                found.insert(format!(
                    "{}:{}: \"{who}\" may not import \"{}\"",
                    file.name(),
                    import.line,
                    import.target
                ));
            }
        }
        for import in imports::crates(&file, &table.homed_crates()) {
            if !table.is_home(who, &import.target) {
                found.insert(format!(
                    "{}:{}: \"{}\" is not at home in \"{who}\"",
                    file.name(),
                    import.line,
                    import.target
                ));
            }
        }
    }
    none_of("imports that break the table in ARCHITECTURE.md", found.into_iter().collect());
}
