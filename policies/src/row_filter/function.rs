//! Functions of the expression language: owns the allow-list. Each one is total, and its
//! output is no longer than its inputs.

use arrow_schema::DataType;
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName,
    ObjectNamePart, Value,
};

use super::check::{Binder, Checked, Literal, Origin, Typed, is_string, refused, refused_with, value_expr};

/// Longest piece that `substr`, `left` and `right` take, and farthest place they start at.
const CHARS_MAX: i64 = 1_000_000;
const ALLOWED: &str =
    "lower, upper, length, char_length, substr, left, right, starts_with, ends_with, concat, coalesce";

/// True for a call by this bare name, in any case.
pub(super) fn is_named(call: &Function, name: &str) -> bool {
    bare_name(&call.name).is_some_and(|own| own.eq_ignore_ascii_case(name))
}

/// True for a call that is a name and plain arguments: no DISTINCT, FILTER, OVER and the like.
pub(super) fn is_plain(call: &Function) -> bool {
    let plain_args = match &call.args {
        FunctionArguments::List(list) => list.duplicate_treatment.is_none() && list.clauses.is_empty(),
        FunctionArguments::None | FunctionArguments::Subquery(_) => false,
    };
    plain_args
        && !call.uses_odbc_syntax
        && matches!(call.parameters, FunctionArguments::None)
        && call.filter.is_none()
        && call.null_treatment.is_none()
        && call.over.is_none()
        && call.within_group.is_empty()
}

pub(super) fn call(binder: &mut Binder<'_>, call: &Function, depth: usize) -> Checked<Typed> {
    let Some(name) = bare_name(&call.name).map(str::to_ascii_lowercase) else {
        return refused(format!("function \"{}\" is not allowed in a policy", call.name));
    };
    if !is_plain(call) {
        return refused(format!("function \"{name}\" takes plain arguments in a policy"));
    }
    let args = plain_args(call)?;
    match (name.as_str(), args.as_slice()) {
        ("claim", _) => refused_with(
            "a claim stands beside a column only",
            "column = claim('name'), column IN (claim('name')), or column BETWEEN ...",
        ),
        ("lower" | "upper", [text]) => {
            let text = string_operand(binder, text, depth)?;
            Ok(rebuilt(&name, vec![text], DataType::Utf8))
        }
        ("length" | "char_length" | "character_length", [text]) => {
            let text = string_operand(binder, text, depth)?;
            Ok(rebuilt("char_length", vec![text], DataType::Int32))
        }
        ("starts_with" | "ends_with", [text, part]) => {
            let text = string_operand(binder, text, depth)?;
            let part = string_operand(binder, part, depth)?;
            Ok(rebuilt(&name, vec![text, part], DataType::Boolean))
        }
        ("left" | "right", [text, count]) => {
            let text = string_operand(binder, text, depth)?;
            let count = count_operand(binder, count, 0, depth)?;
            Ok(rebuilt(&name, vec![text, count], DataType::Utf8))
        }
        ("substr" | "substring", [text, from]) => substring(binder, text, Some(from), None, depth),
        ("substr" | "substring", [text, from, count]) => {
            substring(binder, text, Some(from), Some(count), depth)
        }
        ("concat", [_, ..]) => {
            let parts: Checked<Vec<Expr>> =
                args.iter().map(|part| string_operand(binder, part, depth)).collect();
            Ok(rebuilt("concat", parts?, DataType::Utf8))
        }
        ("coalesce", [_, _, ..]) => {
            let parts: Checked<Vec<Typed>> = args.iter().map(|part| binder.walk(part, depth)).collect();
            let (exprs, data_type) = binder.unify(parts?)?;
            Ok(rebuilt("coalesce", exprs, data_type))
        }
        _ => refused_with(
            match args.len() {
                1 => format!("function \"{name}\" with 1 argument is not allowed in a policy"),
                count => format!("function \"{name}\" with {count} arguments is not allowed in a policy"),
            },
            format!("allowed are claim('name'), {ALLOWED}"),
        ),
    }
}

pub(super) fn substring(
    binder: &mut Binder<'_>,
    text: &Expr,
    from: Option<&Expr>,
    count: Option<&Expr>,
    depth: usize,
) -> Checked<Typed> {
    let mut args = vec![string_operand(binder, text, depth)?];
    args.push(match from {
        Some(from) => count_operand(binder, from, 1, depth)?,
        None => value_expr(Value::Number("1".to_string(), false)),
    });
    if let Some(count) = count {
        args.push(count_operand(binder, count, 0, depth)?);
    }
    Ok(rebuilt("substr", args, DataType::Utf8))
}

/// A part that must be a string.
pub(super) fn string_operand(binder: &mut Binder<'_>, expr: &Expr, depth: usize) -> Checked<Expr> {
    let typed = binder.walk(expr, depth)?;
    let typed = binder.settle(typed)?;
    if !is_string(&typed.data_type) {
        return refused(format!("\"{expr}\" is not a string"));
    }
    Ok(typed.expr)
}

/// A literal number of characters: a column there could be negative on some row, which fails.
fn count_operand(binder: &mut Binder<'_>, expr: &Expr, least: i64, depth: usize) -> Checked<Expr> {
    match binder.walk(expr, depth)?.origin {
        Origin::Literal(Literal::Integer(n)) if (least..=CHARS_MAX).contains(&n) => {
            Ok(value_expr(Value::Number(n.to_string(), false)))
        }
        Origin::Literal(_) | Origin::Column | Origin::Computed => {
            refused(format!("\"{expr}\" is not a whole number from {least} to {CHARS_MAX}"))
        }
    }
}

fn plain_args(call: &Function) -> Checked<Vec<&Expr>> {
    let FunctionArguments::List(list) = &call.args else {
        return refused(format!("function \"{}\" needs arguments", call.name));
    };
    list.args
        .iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr),
            other => refused(format!("argument \"{other}\" is not allowed in a policy")),
        })
        .collect()
}

fn bare_name(name: &ObjectName) -> Option<&str> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] if ident.quote_style.is_none() => Some(&ident.value),
        _ => None,
    }
}

fn rebuilt(name: &str, args: Vec<Expr>, data_type: DataType) -> Typed {
    let args = args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))).collect();
    let call = Function {
        name: ObjectName::from(Ident::new(name)),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    };
    Typed::computed(Expr::Function(call), data_type)
}
