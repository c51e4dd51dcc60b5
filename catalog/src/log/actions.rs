//! The actions of one commit: owns reading a commit file's lines. Applies nothing, and leaves
//! whatever it does not know to a fresh load.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::json::Entries;
use crate::error::CatalogError;

/// What a commit does to the file list.
#[derive(Debug, Default)]
pub(crate) struct CommitActions {
    pub(crate) adds: Vec<AddAction>,
    pub(crate) removes: Vec<RemoveAction>,
    /// It changes schema, protocol or properties, or has an action that is not known here: the
    /// file list alone does not tell the version's state.
    pub(crate) needs_reload: bool,
    pub(crate) in_commit_timestamp: Option<i64>,
    /// It brings an older version back.
    pub(crate) restores: bool,
}

/// A file that becomes live.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddAction {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) partition_values: HashMap<String, Option<String>>,
    pub(crate) size: i64,
    pub(crate) modification_time: i64,
    pub(crate) stats: Option<String>,
    pub(crate) deletion_vector: Option<VectorFields>,
    /// False of rows that were in the table before. The protocol requires it.
    #[serde(default = "changes_data")]
    pub(crate) data_change: bool,
}

const fn changes_data() -> bool {
    true
}

/// A file that ceases to be live.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RemoveAction {
    pub(crate) path: String,
    pub(crate) deletion_vector: Option<VectorFields>,
}

/// A deletion vector as the log describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VectorFields {
    pub(crate) storage_type: String,
    pub(crate) path_or_inline_dv: String,
    pub(crate) offset: Option<i32>,
    pub(crate) size_in_bytes: i32,
    pub(crate) cardinality: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommitInfo {
    in_commit_timestamp: Option<i64>,
    /// A name by convention; the protocol lets it be anything.
    operation: Option<Box<RawValue>>,
}

impl VectorFields {
    /// Distinguishes the vectors of one file, in the form of the Delta protocol.
    pub(crate) fn unique_id(&self) -> String {
        let Self { storage_type, path_or_inline_dv, offset, .. } = self;
        match offset {
            Some(offset) => format!("{storage_type}{path_or_inline_dv}@{offset}"),
            None => format!("{storage_type}{path_or_inline_dv}"),
        }
    }
}

/// Reads a commit file.
pub(crate) fn parse(version: u64, content: &[u8]) -> Result<CommitActions, CatalogError> {
    let malformed = |reason: String| CatalogError::MalformedCommit { version, reason };
    let text = std::str::from_utf8(content).map_err(|_| malformed("it is not valid UTF-8".to_owned()))?;
    let mut actions = CommitActions::default();
    let mut empty = true;
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        empty = false;
        parse_line(line, &mut actions)
            // The cause may quote the line, which holds values.
            .map_err(|_| malformed(format!("line {} is not a valid action", at + 1)))?;
    }
    if empty {
        return Err(malformed("it is empty".to_owned()));
    }
    Ok(actions)
}

fn parse_line(line: &str, actions: &mut CommitActions) -> Result<(), serde_json::Error> {
    let Entries(entries) = serde_json::from_str(line)?;
    for (name, value) in entries {
        if value.get() == "null" {
            continue;
        }
        match name.as_ref() {
            "add" => actions.adds.push(read(value)?),
            "remove" => actions.removes.push(read(value)?),
            "commitInfo" => {
                let info: CommitInfo = read(value)?;
                actions.in_commit_timestamp = info.in_commit_timestamp.or(actions.in_commit_timestamp);
                actions.restores |= info.operation.is_some_and(|name| name.get() == r#""RESTORE""#);
            }
            "txn" | "domainMetadata" | "cdc" => {}
            _ => actions.needs_reload = true,
        }
    }
    Ok(())
}

fn read<T: DeserializeOwned>(value: &RawValue) -> Result<T, serde_json::Error> {
    serde_json::from_str(value.get())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::parse;

    #[test]
    fn known_actions_are_read_and_unknown_ones_ask_for_a_reload() {
        let text = concat!(
            r#"{"commitInfo":{"inCommitTimestamp":12,"operation":"WRITE"}}"#,
            "\n\n",
            r#"{"add":{"path":"a","partitionValues":{"p":null},"size":1,"modificationTime":2,"dataChange":true,"tags":{}}}"#,
            "\n",
            r#"{"add":{"path":"c","partitionValues":{},"size":1,"modificationTime":2,"dataChange":false}}"#,
            "\n",
            r#"{"remove":{"path":"b","dataChange":true},"add":null}"#,
            "\n",
            r#"{"txn":{"appId":"x","version":1}}"#,
        );
        let actions = parse(3, text.as_bytes()).unwrap();
        assert_eq!(actions.adds.iter().map(|add| add.data_change).collect::<Vec<_>>(), [true, false]);
        assert_eq!(actions.removes.len(), 1);
        assert_eq!(actions.in_commit_timestamp, Some(12));
        assert!(!actions.needs_reload && !actions.restores);
        for line in [r#"{"metaData":{"id":"1"}}"#, r#"{"protocol":{}}"#, r#"{"news":1}"#] {
            assert!(parse(3, line.as_bytes()).unwrap().needs_reload, "{line}");
        }
    }

    #[test]
    fn a_restore_is_known_by_its_name_and_other_names_may_be_anything() {
        for (operation, restores) in [
            (r#""RESTORE""#, true),
            (r#""MERGE""#, false),
            ("7", false),
            ("null", false),
            (r#"{"a":[]}"#, false),
        ] {
            let text = format!(r#"{{"commitInfo":{{"operation":{operation}}}}}"#);
            assert_eq!(parse(3, text.as_bytes()).unwrap().restores, restores, "{operation}");
        }
    }

    #[test]
    fn cut_and_garbled_commits_are_refused_without_quoting_them() {
        for text in
            ["", "\n", r#"{"add":{"path":"secret"#, r#"{"add":{"path":"secret"}}"#, "secret", "[1]", "\u{0}"]
        {
            let error = parse(3, text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("commit 3 is malformed"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(parse(3, b"{\"add\":\xff}").is_err());
    }
}
