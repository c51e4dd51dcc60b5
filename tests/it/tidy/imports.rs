//! What a source file names: owns finding paths of ours and of other crates in code, inside `use`
//! lists too.

use super::source::SourceFile;

/// A path that a file names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Import {
    /// Line, counted from 1.
    pub(super) line: usize,
    /// Module path as [`SourceFile::module`] spells it, or the name of a crate.
    pub(super) target: String,
}

/// Every module of ours that the file names from its crate's root, or by a crate's name.
pub(super) fn ours(file: &SourceFile) -> Vec<Import> {
    let own_crate = file.module().split("::").next().unwrap_or_default().to_owned();
    let mut found: Vec<Import> = Vec::new();
    for (root, module) in [
        ("crate", own_crate.as_str()),
        ("sluice_gateway", "gateway"),
        ("sluice_catalog", "catalog"),
        ("sluice_policies", "policies"),
        ("sluice_proto", "proto"),
    ] {
        for (offset, rest) in mentions(&file.code, root) {
            for path in paths(rest) {
                let target = if path.is_empty() { module.to_owned() } else { format!("{module}::{path}") };
                found.push(Import { line: line_of(&file.code, offset), target });
            }
        }
    }
    found.extend(above(file));
    found
}

/// Paths that climb out of the file's own module with `super::`.
fn above(file: &SourceFile) -> Vec<Import> {
    let module = file.module();
    let mut found: Vec<Import> = Vec::new();
    for (offset, rest) in mentions(&file.code, "super") {
        if file.code[..offset].ends_with("super::") {
            continue;
        }
        let mut climbed: Vec<&str> = module.split("::").collect();
        climbed.pop();
        let mut rest = rest;
        while let Some(further) = rest.strip_prefix("super::") {
            climbed.pop();
            rest = further;
        }
        // Inside an inline module the first `super` is the file itself; the climb is then one
        // too far, and what it names must pass all the same or be written from `crate`.
        for path in paths(rest) {
            let mut target = climbed.join("::");
            if !path.is_empty() && climbed.len() == 1 {
                target = format!("{target}::{path}");
            }
            found.push(Import { line: line_of(&file.code, offset), target });
        }
    }
    found.retain(|import| {
        import.target.contains("::") || !import.target.is_empty() && import.target != "gateway"
    });
    found
}

/// Every crate of `names` that the file names.
pub(super) fn crates(file: &SourceFile, names: &[String]) -> Vec<Import> {
    let mut found: Vec<Import> = Vec::new();
    for name in names {
        for (offset, _) in mentions(&file.code, name) {
            found.push(Import { line: line_of(&file.code, offset), target: name.clone() });
        }
    }
    found
}

/// Where `root::` stands as the first part of a path, with the text after it.
fn mentions<'a>(code: &'a str, root: &str) -> Vec<(usize, &'a str)> {
    let needle = format!("{root}::");
    code.match_indices(&needle)
        .filter(|(offset, _)| {
            let before = code[..*offset].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
                || root == "super" && code[..*offset].ends_with("self::")
        })
        .map(|(offset, found)| (offset, &code[offset + found.len()..]))
        .collect()
}

/// The first two names of each path that a text starts with: of `a::b::c` that is `a::b`, of
/// `{a, b::{c, d}}` it is `a` and `b::c`, `b::d`.
fn paths(text: &str) -> Vec<String> {
    let text = text.trim_start();
    let Some(list) = text.strip_prefix('{') else {
        let first = name(text);
        let rest = &text[first.len()..];
        let Some(below) = rest.strip_prefix("::") else { return vec![first.to_owned()] };
        if let Some(inner) = below.trim_start().strip_prefix('{') {
            return items(inner).iter().map(|item| format!("{first}::{}", name(item))).collect();
        }
        return vec![format!("{first}::{}", name(below))];
    };
    items(list).iter().flat_map(|item| paths(item)).collect()
}

fn name(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// The items of a list up to its closing brace, split at its own commas.
fn items(list: &str) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    let (mut depth, mut start) = (0_usize, 0_usize);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(&list[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.into_iter().map(str::trim).filter(|item| !item.is_empty()).collect()
}

fn line_of(code: &str, offset: usize) -> usize {
    code[..offset].matches('\n').count() + 1
}

#[test]
fn lists_and_single_paths_are_found() {
    let code = "use crate::{query::{Request, error::X}, config};\nuse sluice_catalog::snapshot::Snapshot;\n\
                fn f() { crate::engine::scan::go(); not_crate::x(); }\n";
    let file = SourceFile {
        path: "gateway/src/protocol/rest.rs".into(),
        text: code.to_owned(),
        code: code.to_owned(),
    };
    let found: Vec<String> =
        ours(&file).into_iter().map(|one| format!("{} {}", one.line, one.target)).collect();
    assert_eq!(
        found,
        [
            "1 gateway::query::Request",
            "1 gateway::query::error",
            "1 gateway::config",
            "3 gateway::engine::scan",
            "2 catalog::snapshot::Snapshot",
        ]
    );
}

#[test]
fn climbing_out_of_a_module_is_seen() {
    let file = |code: &str| SourceFile {
        path: "gateway/src/engine/scan.rs".into(),
        text: code.to_owned(),
        code: code.to_owned(),
    };
    let targets = |code: &str| ours(&file(code)).into_iter().map(|one| one.target).collect::<Vec<_>>();
    assert_eq!(targets("use super::statement::Select;"), ["gateway::engine"]);
    assert_eq!(targets("use super::super::query::Request;"), ["gateway::query::Request"]);
}
