//! Documents: owns the way from a text to operations that are valid for a role's schema, under limits that hold
//! before anything recursive or repeated is done with it. Does not run operations. Parsing and validating take
//! processor time: call them on a thread that may block.

mod counts;

use apollo_compiler::ast::{self, OperationType};
use apollo_compiler::diagnostic::{Diagnostic, ToCliReport};
use apollo_compiler::executable::{ExecutableDocument, Operation};
use apollo_compiler::parser::Parser;
use apollo_compiler::validation::{DiagnosticData, DiagnosticList, Valid};

use super::errors::DoorError;
use super::mistakes::{Explained, Mistakes};
use super::schema::DoorSchema;
use crate::config::graphql::GraphqlConfig;
use crate::query::error::{ErrorCode, QueryError};

/// Selections, values and types inside each other; enough for the condition of the deepest filter.
const NESTING_MAX: usize = 64;

/// A text that parses and is within all limits, of no schema yet.
#[derive(Debug)]
pub struct Document {
    parsed: ast::Document,
    errors_max: usize,
}

/// A document that is valid for one schema.
pub type ValidDocument = Valid<ExecutableDocument>;

impl Document {
    /// Parses and counts a text.
    ///
    /// # Errors
    /// `request_too_large` or `document_too_large` over a limit, `invalid_document` for each fault of the syntax.
    pub fn parse(text: &str, config: &GraphqlConfig) -> Result<Self, Vec<DoorError>> {
        if text.len() > config.document_bytes_max {
            let message = format!("the document is longer than {} bytes", config.document_bytes_max);
            return Err(vec![QueryError::new(ErrorCode::RequestTooLarge, message).into()]);
        }
        let mut parser = Parser::new().recursion_limit(NESTING_MAX).token_limit(config.document_tokens_max);
        // What fails comes with all that was parsed: only its faults are taken along.
        let parsed = parser.parse_ast(text, "document.graphql").map_err(|found| found.errors);
        if parser.tokens_reached() > config.document_tokens_max {
            return Err(vec![too_many(config.document_tokens_max, "tokens")]);
        }
        if parser.recursion_reached() > NESTING_MAX {
            return Err(vec![too_deep()]);
        }
        let errors_max = config.errors_max;
        let parsed = parsed.map_err(|found| told(&found, errors_max, |fault| Some(generic(fault))))?;
        counts::check(&parsed, config)?;
        Ok(Self { parsed, errors_max })
    }

    /// What kind of operation a request of that `operationName` asks for; `None` where the name leads to none.
    pub fn operation_type(&self, name: Option<&str>) -> Option<OperationType> {
        let operations = self.parsed.definitions.iter().filter_map(|one| one.as_operation_definition());
        let mut named = operations.filter(|one| name.is_none_or(|name| one.name.as_deref() == Some(name)));
        match (named.next(), named.next()) {
            (Some(only), None) => Some(only.operation_type),
            _ => None,
        }
    }

    /// The operations and fragments, with the types that they have in a role's schema.
    ///
    /// # Errors
    /// `unknown_column`, `not_found` or `invalid_document` for each fault, `document_too_large` where
    /// selections lie too deep inside each other.
    pub fn validate(&self, schema: &DoorSchema) -> Result<ValidDocument, Vec<DoorError>> {
        let valid = self.parsed.to_executable_validate(schema.schema()).map_err(|found| found.errors);
        valid.map_err(|found| {
            let mistakes = Mistakes::of(&self.parsed, schema);
            told(&found, self.errors_max, |fault| match mistakes.explain(fault) {
                Explained::So(error) => Some(error),
                Explained::ByAnother => None,
                Explained::Otherwise => Some(generic(fault)),
            })
        })
    }
}

/// The operation that a request of that `operationName` asks for.
///
/// # Errors
/// `invalid_document`: there is none of that name, or there are several and no name.
pub fn operation<'d>(document: &'d ValidDocument, name: Option<&str>) -> Result<&'d Operation, DoorError> {
    let operations = &document.operations;
    let invalid = |message: String| QueryError::new(ErrorCode::InvalidDocument, message);
    match (operations.get(name), name) {
        (Ok(operation), _) => Ok(operation),
        (Err(_), Some(name)) => Err(invalid(format!("operation \"{name}\" is not in the document")).into()),
        (Err(_), None) if operations.is_empty() => {
            Err(invalid("the document has no operation".to_owned()).into())
        }
        (Err(_), None) => Err(invalid("the document has several operations".to_owned())
            .with_hint("say which one in \"operationName\"")
            .into()),
    }
}

/// The first faults of a list; the same one is told once.
fn told(
    found: &DiagnosticList,
    errors_max: usize,
    tell: impl Fn(&Diagnostic<'_, DiagnosticData>) -> Option<DoorError>,
) -> Vec<DoorError> {
    let mut told: Vec<DoorError> = Vec::new();
    for fault in found.iter() {
        if told.len() == errors_max {
            break;
        }
        let Some(next) = tell(&fault) else { continue };
        let last = told.last();
        if !last.is_some_and(|l| l.error.message == next.error.message && l.location == next.location) {
            told.push(next);
        }
    }
    told
}

/// A fault in the words of the parser or the validator.
fn generic(fault: &Diagnostic<'_, DiagnosticData>) -> DoorError {
    let location = fault.error.location();
    let is_nesting = fault
        .error
        .unstable_error_name()
        .is_some_and(|name| matches!(name, "RecursionError" | "RecursionLimitError" | "DeeplyNestedType"));
    let error = match is_nesting {
        true => too_deep(),
        false => QueryError::new(ErrorCode::InvalidDocument, in_our_words(&fault.error.to_string())).into(),
    };
    error.in_document(location, fault.sources)
}

/// Quotes as everywhere else, and characters instead of the parser's names for them.
fn in_our_words(message: &str) -> String {
    const TOKENS: [(&str, &str); 12] = [
        ("L_CURLY", "\"{\""),
        ("R_CURLY", "\"}\""),
        ("L_PAREN", "\"(\""),
        ("R_PAREN", "\")\""),
        ("L_BRACK", "\"[\""),
        ("R_BRACK", "\"]\""),
        ("COLON", "\":\""),
        ("DOLLAR", "\"$\""),
        ("BANG", "\"!\""),
        ("AT", "\"@\""),
        ("EQ", "\"=\""),
        ("EOF", "the end"),
    ];
    let mut words = message.replace('`', "\"");
    let Some(rest) = message.strip_prefix("syntax error: expected ") else { return words };
    let (wanted, got) = rest.split_once(", got ").unwrap_or((rest, ""));
    let word = |name: &str| TOKENS.iter().find(|(token, _)| *token == name).map(|(_, word)| *word);
    if let Some(wanted) = word(wanted) {
        let got = if got == "EOF" { "the end".to_owned() } else { format!("\"{got}\"") };
        words = format!("syntax error: expected {wanted}, got {got}");
    }
    words
}

fn too_deep() -> DoorError {
    let message =
        format!("the document is nested more than {NESTING_MAX} levels deep, or its fields too deep");
    QueryError::new(ErrorCode::DocumentTooLarge, message).into()
}

/// The refusal of a document with more than so many of something.
pub(super) fn too_many(most: usize, what: &str) -> DoorError {
    QueryError::new(ErrorCode::DocumentTooLarge, format!("the document has more than {most} {what}")).into()
}

#[cfg(test)]
mod tests;
