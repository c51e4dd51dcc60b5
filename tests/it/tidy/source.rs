//! Source files as the structure tests see them: owns finding them and telling code from comments
//! and strings.

use std::fs;
use std::path::{Path, PathBuf};

/// One Rust file of the workspace.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// Path from the workspace's root.
    pub(super) path: PathBuf,
    /// The text.
    pub(super) text: String,
    /// The text with comments and the contents of strings blanked out, line by line the same.
    pub(super) code: String,
}

impl SourceFile {
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    pub(super) fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// Part of the product, as opposed to its tests.
    pub(super) fn is_product(&self) -> bool {
        let member = self.path.iter().next().is_some_and(|part| part != "tests");
        member && self.path.iter().any(|part| part == "src")
    }

    /// Its module path: `gateway::engine::scan`, or `catalog`, `policies`, `tests` and below.
    pub(super) fn module(&self) -> String {
        let parts: Vec<String> = self
            .path
            .with_extension("")
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .filter(|part| part != "src")
            .collect();
        parts.join("::")
    }
}

/// Every Rust file below `root`, in name order.
pub(super) fn below(root: &Path) -> Vec<SourceFile> {
    let mut found: Vec<SourceFile> = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                // What a program has written has no rules of ours.
                if name != "target" && name != "generated" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = code_only(&text);
                found.push(SourceFile { path: path.strip_prefix(root).unwrap().to_path_buf(), text, code });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Blanks comments and string contents. Good enough to find paths in code; no full lexer.
fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&here) = chars.get(at) {
        let next = chars.get(at + 1).copied();
        let end = match (here, next) {
            ('/', Some('/')) => find(&chars, at, |i| chars[i] == '\n'),
            ('/', Some('*')) => find(&chars, at + 2, |i| chars[i - 1] == '*' && chars[i] == '/') + 1,
            ('r', Some('"' | '#')) if is_raw_string(&chars, at) => raw_string_end(&chars, at),
            ('"', _) => string_end(&chars, at),
            ('\'', Some(_)) if chars.get(at + 2) == Some(&'\'') && next != Some('\\') => at + 3,
            ('\'', Some('\\')) => find(&chars, at + 3, |i| chars[i] == '\'') + 1,
            _ => {
                code.push(here);
                at += 1;
                continue;
            }
        };
        let end = end.min(chars.len());
        code.extend(chars[at..end].iter().filter(|c| **c == '\n'));
        code.push(' ');
        at = end;
    }
    code
}

fn find(chars: &[char], from: usize, is_end: impl Fn(usize) -> bool) -> usize {
    (from..chars.len()).find(|i| is_end(*i)).unwrap_or(chars.len())
}

fn string_end(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn is_raw_string(chars: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).map(|i| chars[i]);
    let part_of_a_name = before.is_some_and(|c| (c.is_alphanumeric() || c == '_') && c != 'b');
    !part_of_a_name && chars[at + 1..].iter().find(|c| **c != '#') == Some(&'"')
}

fn raw_string_end(chars: &[char], start: usize) -> usize {
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    let closes = |i: usize| {
        chars[i] == '"' && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    find(chars, start + hashes + 2, closes) + 1 + hashes
}

#[test]
fn comments_and_strings_are_no_code() {
    let text = "a // crate::x\nb(\"crate::y \\\" \", r#\"crate::\"z\"#, '\"', '\\'') /* crate::w\n*/ c";
    let code = code_only(text);
    assert!(!code.contains("crate"), "{code}");
    assert_eq!(code.lines().count(), text.lines().count());
    assert!(code.contains("a ") && code.contains("b(") && code.trim_end().ends_with('c'), "{code}");
}
