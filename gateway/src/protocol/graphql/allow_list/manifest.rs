//! The file of a list, a manifest of persisted queries as Apollo's clients make it: owns its form, and where in it what
//! is wrong. Does not know requests.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use apollo_compiler::ast::OperationType;
use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_policies::diagnostic::Diagnostic;

use super::{AllowList, hash_name};
use crate::config::graphql::GraphqlConfig;
use crate::protocol::graphql::document::Document;
use crate::protocol::graphql::errors::DoorError;
use crate::protocol::http::json_body::{Object, place, position_in, syntax_error};
use crate::query::error::{ErrorCode, TextPosition};

const FORMAT: &str = "apollo-persisted-query-manifest";
const VERSION: &str = "1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest<'a> {
    #[serde(borrow)]
    format: &'a RawValue,
    #[serde(borrow)]
    version: &'a RawValue,
    #[serde(borrow)]
    operations: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Operation<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    name: String,
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Query,
    Mutation,
    Subscription,
}

/// Reads the text of a file.
///
/// # Errors
/// Every fault that is found, with its line.
pub(super) fn read(file: &Path, text: &[u8], config: &GraphqlConfig) -> Result<AllowList, Vec<Diagnostic>> {
    let mut reader = Reader { file, text, config, faults: Vec::new() };
    let listed = reader.operations();
    let by_name = reader.names(&listed);
    if reader.faults.is_empty() { Ok(AllowList { by_name }) } else { Err(reader.faults) }
}

struct Reader<'a> {
    file: &'a Path,
    text: &'a [u8],
    config: &'a GraphqlConfig,
    faults: Vec<Diagnostic>,
}

/// An operation without a fault of its own.
struct Listed<'a> {
    id_at: &'a RawValue,
    id: String,
    body_at: &'a RawValue,
    body: Arc<str>,
}

impl<'a> Reader<'a> {
    /// All operations that have no fault.
    fn operations(&mut self) -> Vec<Listed<'a>> {
        let manifest: Object<Manifest<'a>> = match serde_json::from_slice(self.text) {
            Ok(manifest) => manifest,
            Err(error) => {
                self.fault(place(error.line(), error.column()), words(&error));
                return Vec::new();
            }
        };
        let Object(Manifest { format, version, operations }) = manifest;
        if text_of(format).as_deref() != Some(FORMAT) {
            self.fault_at(format, format!("\"format\" is not \"{FORMAT}\""));
        }
        if version.get() != VERSION {
            self.fault_at(version, format!("\"version\" is not {VERSION}"));
        }
        let most = self.config.allow_list_operations_max;
        if let Some(first_over) = operations.get(most) {
            self.fault_at(first_over, format!("the file has more than {most} operations"));
            return Vec::new();
        }
        operations.into_iter().filter_map(|operation| self.operation(operation)).collect()
    }

    fn operation(&mut self, raw: &'a RawValue) -> Option<Listed<'a>> {
        let operation: Object<Operation<'a>> = match serde_json::from_str(raw.get()) {
            Ok(operation) => operation,
            Err(error) => {
                let at = position_in(self.text, raw.get(), error.line(), error.column());
                self.fault(at, words(&error));
                return None;
            }
        };
        let Object(Operation { id: id_at, name, kind, body: body_at }) = operation;
        let (id, body) = (text_of(id_at).filter(|id| !id.is_empty()), text_of(body_at));
        if id.is_none() {
            self.fault_at(id_at, "\"id\" is no text, or an empty one".to_owned());
        }
        let fault = match &body {
            None => Some("\"body\" is no text".to_owned()),
            Some(body) => fault_of(body, &name, kind, self.config),
        };
        if let Some(fault) = fault {
            self.fault_at(body_at, fault);
            return None;
        }
        Some(Listed { id_at, id: id?, body_at, body: body?.into() })
    }

    /// Every name of every document; none of them leads to two.
    fn names(&mut self, listed: &[Listed<'a>]) -> HashMap<String, Arc<str>> {
        let mut by_name = HashMap::with_capacity(2 * listed.len());
        for Listed { id_at, id, body, .. } in listed {
            if by_name.insert(id.clone(), Arc::clone(body)).is_some() {
                self.fault_at(id_at, format!("id {id:?} is there twice"));
            }
        }
        for Listed { body_at, body, .. } in listed {
            let named = by_name.entry(hash_name(body)).or_insert_with(|| Arc::clone(body));
            if *named != *body {
                self.fault_at(body_at, "the hash of this document is the \"id\" of another".to_owned());
            }
        }
        by_name
    }

    fn fault_at(&mut self, raw: &RawValue, message: String) {
        self.fault(position_in(self.text, raw.get(), 1, 1), message);
    }

    fn fault(&mut self, at: Option<TextPosition>, message: String) {
        let (line, column) = at.map_or((1, 1), |at| (at.line, at.column));
        self.faults.push(Diagnostic::at(self.file, line, column, message));
    }
}

/// What keeps a text from being that operation.
fn fault_of(body: &str, name: &str, kind: Kind, config: &GraphqlConfig) -> Option<String> {
    let document = match Document::parse(body, config) {
        Ok(document) => document,
        Err(faults) => return Some(refusal(&faults)),
    };
    let (wanted, called) = match kind {
        Kind::Query => (OperationType::Query, "query"),
        Kind::Mutation => (OperationType::Mutation, "mutation"),
        Kind::Subscription => (OperationType::Subscription, "subscription"),
    };
    let is_that = document.operation_type(Some(name)) == Some(wanted);
    (!is_that).then(|| format!("\"body\" has no {called} of the name {name:?}"))
}

fn refusal(faults: &[DoorError]) -> String {
    let first = faults.first().map(|fault| {
        let place = fault.location.map(|at| format!(" (line {}, column {} of it)", at.line, at.column));
        format!(": {}{}", fault.error, place.unwrap_or_default())
    });
    format!("\"body\" is refused{}", first.unwrap_or_default())
}

fn text_of(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

fn words(error: &serde_json::Error) -> String {
    syntax_error(error, ErrorCode::InvalidRequest).message
}
