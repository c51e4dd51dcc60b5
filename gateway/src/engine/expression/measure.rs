//! Size and depth of a text, counted on its tokens before anything recursive touches it. Owns the budget and
//! its refusal; parses nothing.

use std::sync::{Mutex, PoisonError};

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::parse_error;
use crate::config::limits::StatementLimits;
use crate::engine::error::EngineError;

/// Longer texts are measured one at a time.
const LONG_TEXT_BYTES: usize = 64 * 1024;
static LONG_TEXT: Mutex<()> = Mutex::new(());

/// How large an expression may be.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Budget {
    pub(in crate::engine) nodes_max: usize,
    pub(in crate::engine) depth_max: usize,
}

impl Budget {
    pub(in crate::engine) fn of(limits: &StatementLimits) -> Self {
        Self { nodes_max: limits.nodes_max, depth_max: limits.depth_max }
    }

    /// The parser counts several levels of its own for one of ours.
    pub(in crate::engine) fn parser_recursion(self) -> usize {
        self.depth_max.saturating_mul(4).saturating_add(16)
    }

    pub(in crate::engine) fn too_many(self) -> EngineError {
        EngineError::TooLarge(format!("the expression has more than {} parts", self.nodes_max))
    }

    pub(in crate::engine) fn too_deep(self) -> EngineError {
        EngineError::TooLarge(format!("the expression is nested deeper than {} levels", self.depth_max))
    }
}

/// The tokens of `text`, within the budget. Nodes are words, literals, operators and opening
/// brackets; commas, closing brackets and white space are free. Depth is open brackets and `CASE`s plus prefix operators in
/// a row.
pub(in crate::engine) fn measure(text: &str, budget: Budget) -> Result<Vec<TokenWithSpan>, EngineError> {
    // Tokens take a hundred times the memory of what they are made of.
    let _turn =
        (text.len() > LONG_TEXT_BYTES).then(|| LONG_TEXT.lock().unwrap_or_else(PoisonError::into_inner));
    let mut tokens = Tokenizer::new(&GenericDialect {}, text)
        .tokenize_with_location()
        .map_err(|e| parse_error(&e.to_string(), text))?;
    tokens.dedup_by(|next, kept| is_space(&next.token) && is_space(&kept.token));
    tokens.shrink_to_fit();
    let (mut nodes, mut open, mut prefixes) = (0_usize, 0_usize, 0_usize);
    for token in &tokens {
        match &token.token {
            space if is_space(space) => continue,
            Token::LParen | Token::LBracket | Token::LBrace => {
                nodes += 1;
                open += 1;
            }
            Token::RParen | Token::RBracket | Token::RBrace => open = open.saturating_sub(1),
            Token::Comma | Token::SemiColon | Token::EOF => {}
            Token::Word(word) if word.keyword == Keyword::CASE => {
                nodes += 1;
                open += 1;
            }
            Token::Word(word) if word.keyword == Keyword::END => open = open.saturating_sub(1),
            _ => nodes += 1,
        }
        prefixes = if is_prefix(&token.token) { prefixes + 1 } else { 0 };
        if nodes > budget.nodes_max {
            return Err(budget.too_many());
        }
        if open + prefixes > budget.depth_max {
            return Err(budget.too_deep());
        }
    }
    Ok(tokens)
}

const fn is_space(token: &Token) -> bool {
    matches!(token, Token::Whitespace(_))
}

fn is_prefix(token: &Token) -> bool {
    match token {
        Token::Minus | Token::Plus | Token::Tilde | Token::ExclamationMark | Token::AtSign => true,
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::NOT | Keyword::EXISTS | Keyword::PRIOR | Keyword::INTERVAL | Keyword::SELECT
        ),
        _ => false,
    }
}
