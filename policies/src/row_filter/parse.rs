//! From text to a syntax tree: owns the limits that are checked before anything recursive runs.
//! Does not look at columns, types or claims.

use std::path::Path;
use std::sync::Arc;

use sqlparser::ast::Expr;
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::diagnostic::Diagnostic;

const TEXT_BYTES_MAX: usize = 64 * 1024;
const TOKENS_MAX: usize = 2_000;
const NESTING_MAX: usize = 64;
/// The parser spends a few levels on each parenthesis or prefix operator.
const PARSER_LEVELS_MAX: usize = 4 * NESTING_MAX;

/// An expression of a policy file, not yet checked against any schema.
#[derive(Debug, Clone)]
pub(crate) struct ParsedExpression {
    pub(crate) ast: Expr,
    pub(crate) text: String,
    pub(crate) file: Arc<Path>,
    pub(crate) line: u64,
    pub(crate) column: u64,
}

impl ParsedExpression {
    pub(crate) fn problem(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::at(&self.file, self.line, self.column, message)
    }
}

/// Parses one expression, and nothing after it.
pub(crate) fn parse(
    text: &str,
    file: &Arc<Path>,
    line: u64,
    column: u64,
) -> Result<ParsedExpression, Diagnostic> {
    let problem = |message: String| Diagnostic::at(file, line, column, message);
    if text.len() > TEXT_BYTES_MAX {
        return Err(problem(format!("expression is longer than {TEXT_BYTES_MAX} bytes")));
    }
    let dialect = GenericDialect {};
    let tokens = Tokenizer::new(&dialect, text)
        .tokenize_with_location()
        .map_err(|error| problem(format!("expression does not parse: {}", lowered(&error.message))))?;
    check_size(&tokens).map_err(problem)?;
    let mut parser =
        Parser::new(&dialect).with_recursion_limit(PARSER_LEVELS_MAX).with_tokens_with_locations(tokens);
    let ast = parser.parse_expr().map_err(|error| problem(words(&error)))?;
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        return Err(problem(format!("expression goes on after its end: \"{}\"", rest.token)));
    }
    Ok(ParsedExpression { ast, text: text.to_string(), file: Arc::clone(file), line, column })
}

fn check_size(tokens: &[TokenWithSpan]) -> Result<(), String> {
    let mut count = 0usize;
    let mut depth = 0usize;
    for token in tokens {
        match &token.token {
            Token::Whitespace(_) => continue,
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            _ => {}
        }
        count += 1;
        if depth > NESTING_MAX {
            return Err(format!("expression is nested more than {NESTING_MAX} deep"));
        }
        if count > TOKENS_MAX {
            return Err(format!("expression has more than {TOKENS_MAX} tokens"));
        }
    }
    Ok(())
}

fn words(error: &ParserError) -> String {
    match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
            format!("expression does not parse: {}", lowered(message))
        }
        ParserError::RecursionLimitExceeded => {
            format!("expression is nested more than {NESTING_MAX} deep")
        }
    }
}

fn lowered(message: &str) -> String {
    let mut letters = message.trim_end_matches('.').chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
