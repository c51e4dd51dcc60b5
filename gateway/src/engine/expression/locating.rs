//! The place of a mistake that the planner finds without saying where: owns finding the innermost part of
//! a tree that fails by itself. Does not compile parts.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{self, Spanned, Visit, Visitor};

use crate::engine::error::{EngineError, TextPosition};

/// Nodes of the parts that are tried, all together: each try plans a part anew, and long chains are deep trees.
const TRIED_NODES_MAX: usize = 500;

/// The complaint with the place of the innermost part of `tree` that `compile` refuses too.
pub(super) fn located(
    error: EngineError,
    tree: &ast::Expr,
    compile: impl Fn(ast::Expr) -> Result<(), EngineError>,
) -> EngineError {
    let EngineError::InvalidExpression(complaint) = error else { return error };
    if complaint.position.is_some() {
        return EngineError::InvalidExpression(complaint);
    }
    let (mut tried, mut place, mut next) = (0, begin(tree), Some(tree.clone()));
    while let Some(failing) = next.take() {
        for part in parts(&failing) {
            tried += nodes(&part);
            if tried > TRIED_NODES_MAX {
                return EngineError::InvalidExpression(complaint.at(place));
            }
            if matches!(compile(part.clone()), Err(EngineError::InvalidExpression(_))) {
                place = begin(&part).or(place);
                next = Some(part);
                break;
            }
        }
    }
    EngineError::InvalidExpression(complaint.at(place))
}

/// Where the text of `tree` begins, where the parser has kept that.
fn begin(tree: &ast::Expr) -> Option<TextPosition> {
    let start = tree.span().start;
    (start.line > 0).then_some(TextPosition { line: start.line, column: start.column })
}

fn nodes(tree: &ast::Expr) -> usize {
    struct Count(usize);
    impl Visitor for Count {
        type Break = ();
        fn pre_visit_expr(&mut self, _: &ast::Expr) -> ControlFlow<()> {
            self.0 += 1;
            ControlFlow::Continue(())
        }
    }
    let mut count = Count(0);
    let _ = tree.visit(&mut count);
    count.0
}

/// The outermost expressions inside of `tree`, in the order of the text.
fn parts(tree: &ast::Expr) -> Vec<ast::Expr> {
    struct Parts {
        depth: usize,
        found: Vec<ast::Expr>,
    }
    impl Visitor for Parts {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &ast::Expr) -> ControlFlow<()> {
            if self.depth == 1 {
                self.found.push(expr.clone());
            }
            self.depth += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_expr(&mut self, _: &ast::Expr) -> ControlFlow<()> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }
    }
    let mut parts = Parts { depth: 0, found: Vec::new() };
    let _ = tree.visit(&mut parts);
    parts.found
}
