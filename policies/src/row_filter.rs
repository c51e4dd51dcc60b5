//! Which rows a role sees: owns the bound form of a row filter and of the expressions that
//! masks are written in. Parsing, checking and typed values live in the modules below; nothing
//! here evaluates an expression.

mod check;
mod function;
mod parse;
mod scope;
mod value;

use std::path::Path;
use std::sync::Arc;

use arrow_schema::DataType;
use sqlparser::ast::Expr;
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

pub(crate) use check::{CheckError, bind, bind_filter, uses_claims};
pub(crate) use parse::{ParsedExpression, parse};
pub(crate) use scope::{Claims, Columns};
pub use value::{ClaimValue, ValueError};
pub(crate) use value::{parse_decimal, rescale};

/// The rows of one table that one caller sees.
#[derive(Debug, Clone)]
pub enum RowFilter {
    /// Every row.
    All,
    /// No row: a claim that the filter needs is missing, null, empty or of another type.
    Nothing,
    /// The rows for which the expression is true.
    Expression(Box<BoundExpression>),
}

/// An expression that was checked against one schema and cannot fail on any row of it.
///
/// Identifiers in `ast` are quoted and name columns (or struct fields) of that schema exactly.
/// `$1`, `$2`, ... stand for `params` in order; claims, and literals that are compared with
/// dates, timestamps, decimals or floats, are bound that way and never as text. Composite parts
/// are parenthesized, so that the text of the tree is as unambiguous as the tree.
#[derive(Debug, Clone)]
pub struct BoundExpression {
    /// The checked expression.
    pub ast: Expr,
    /// Values of the placeholders, each of the type of the column that it meets.
    pub params: Vec<ClaimValue>,
    /// Type of the result: Boolean for a row filter. An engine whose own inference differs
    /// (a string view, say) casts to this.
    pub data_type: DataType,
    /// The expression as it was written.
    pub text: String,
    /// The policy file.
    pub file: Arc<Path>,
    /// Line of the expression in the file, counted from 1.
    pub line: u64,
    /// Column of the expression in the file, counted from 1.
    pub column: u64,
}

impl BoundExpression {
    /// The expression as SQL with its values written in, to show to the owner of the policy.
    /// Never to be parsed or run.
    pub fn to_sql(&self) -> String {
        let text = self.ast.to_string();
        let mut tokenizer = Tokenizer::new(&GenericDialect {}, &text).with_unescape(false);
        let Ok(tokens) = tokenizer.tokenize() else { return text };
        tokens
            .into_iter()
            .map(|token| match &token {
                Token::Placeholder(name) => name
                    .strip_prefix('$')
                    .and_then(|digits| digits.parse::<usize>().ok())
                    .and_then(|number| self.params.get(number.checked_sub(1)?))
                    .map_or_else(|| token.to_string(), ClaimValue::to_sql),
                _ => token.to_string(),
            })
            .collect()
    }

    /// Everything that decides what the expression gives, for fingerprints. The tree's own debug
    /// form, because SQL text has more than one reading of a doubled quote.
    pub(crate) fn identity(&self) -> Vec<Vec<u8>> {
        let tree = format!("{:?}: {}", self.ast, self.data_type).into_bytes();
        std::iter::once(tree).chain(self.params.iter().map(ClaimValue::identity)).collect()
    }
}

#[cfg(test)]
mod tests;
