//! The engine's words in the house's voice: owns how its messages and its names of types read to
//! callers. Does not decide which messages a caller may see.

/// First sentence, lowercase start, no final dot, types as descriptions of tables name them.
pub(in crate::engine) fn plain(message: &str) -> String {
    if let Some(words) = unfitting_arguments(message) {
        return words;
    }
    // What follows is what the function itself says.
    let message = message.split_once("' user-defined coercion failed with: ").map_or(message, |(_, own)| own);
    let first = message.lines().next().unwrap_or_default().trim().trim_end_matches(['.', '!']);
    let first = ["Error during planning: ", "Arrow error: ", "Execution error: ", "sql parser error: "]
        .iter()
        .fold(first, |text, prefix| text.trim_start_matches(prefix));
    let mut chars = first.chars();
    let lowered = match chars.next() {
        Some(c) if chars.as_str().chars().next().is_some_and(char::is_lowercase) => {
            c.to_lowercase().chain(chars).collect()
        }
        _ => first.to_owned(),
    };
    outside_quotes(&without_dumps(lowered), types_in_words)
}

/// A message without the syntax tree that the parser prints at its end.
fn without_dumps(message: String) -> String {
    if message.to_ascii_lowercase().starts_with("projections require unique expression names") {
        return "two result columns have the same name; give one an alias with AS".to_owned();
    }
    if message.starts_with("nested identifiers are not yet supported for OuterReferenceColumn") {
        return "a field inside a column of the outer query is not supported in a subquery".to_owned();
    }
    if message.starts_with("unsupported ast node") || message.starts_with("dot access not supported") {
        return "this form of expression is not supported".to_owned();
    }
    if message.starts_with("no infix parser") || message.starts_with("unsupported binary operator") {
        return "this operator is not supported".to_owned();
    }
    let Some(brace) = message.find(" { ").filter(|_| message.contains("Span(")) else { return message };
    let before = message[..brace].rsplit_once(' ').map_or("", |(words, _)| words);
    if before.is_empty() { "this form of expression is not supported".to_owned() } else { before.to_owned() }
}

/// The field that a struct does not have.
pub(super) fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("Field ")?.strip_suffix(" not found in struct")
}

/// What the result of an operator does not fit.
pub(super) fn overflow(message: &str) -> String {
    match message.strip_prefix("Overflow happened on: ") {
        Some(operation) => format!("{operation} is out of the range of its type"),
        None => plain(message),
    }
}

/// A call whose arguments fit none of a function's forms: the engine lists how each form failed, as faults
/// of its own among others, before it says the one thing that helps.
fn unfitting_arguments(message: &str) -> Option<String> {
    const BEFORE: &str = "No function matches the given name and argument types '";
    let (_, after) = message.rsplit_once(BEFORE)?;
    let (call, _) = after.split_once("'. ")?;
    let (function, types) = call.strip_suffix(')')?.split_once('(')?;
    if types.is_empty() {
        return Some(format!("function \"{function}\" does not go without arguments"));
    }
    Some(format!("function \"{function}\" does not take ({})", types_in_words(types)))
}

/// Longer names before those that they contain.
const TYPES: [(&str, &str); 27] = [
    ("LargeUtf8", "string"),
    ("Utf8View", "string"),
    ("Utf8", "string"),
    ("LargeBinary", "binary"),
    ("BinaryView", "binary"),
    ("Binary", "binary"),
    ("Boolean", "boolean"),
    ("Date32", "date"),
    ("Timestamp(µs, \"UTC\")", "timestamp"),
    ("Timestamp(µs)", "timestamp_ntz"),
    ("Timestamp(", "timestamp("),
    ("Interval(MonthDayNano)", "interval"),
    ("Decimal128", "decimal"),
    ("Decimal256", "decimal"),
    ("UInt8", "uint8"),
    ("UInt16", "uint16"),
    ("UInt32", "uint32"),
    ("UInt64", "uint64"),
    ("Int8", "int8"),
    ("Int16", "int16"),
    ("Int32", "int32"),
    ("Int64", "int64"),
    ("Float32", "float32"),
    ("Float64", "float64"),
    ("List(", "list("),
    ("Struct(", "struct("),
    ("Null", "null"),
];

/// Types as descriptions of tables name them.
pub(in crate::engine) fn types_in_words(text: &str) -> String {
    TYPES.iter().fold(text.to_owned(), |text, (engines, ours)| text.replace(engines, ours))
}

/// What stands in quotes is the caller's own, most often.
fn outside_quotes(text: &str, change: impl Fn(&str) -> String) -> String {
    let parts = text.split('\'').enumerate();
    let changed: Vec<String> =
        parts.map(|(place, part)| if place % 2 == 0 { change(part) } else { part.to_owned() }).collect();
    changed.join("'")
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn no_syntax_tree_is_shown() {
        for (engines, ours) in [
            (
                "Substring without for/from is not valid Substring { expr: Identifier(Ident { span: Span(",
                "substring without for/from is not valid",
            ),
            (
                "Unsupported ast node in sqltorel: Collate { expr: Value(",
                "this form of expression is not supported",
            ),
            ("No infix parser for token Word(Word { value: \"div\" })", "this operator is not supported"),
            ("Unsupported binary operator: PGOverlap", "this operator is not supported"),
            ("a message { with braces }", "a message { with braces }"),
        ] {
            assert_eq!(plain(engines), ours);
        }
    }

    #[test]
    fn types_are_called_what_tables_call_them_outside_of_quotes() {
        for (engines, ours) in [
            (
                "Cannot coerce arithmetic expression Int32 + Utf8 to valid types",
                "cannot coerce arithmetic expression int32 + string to valid types",
            ),
            (
                "Cannot cast string 'Utf8' to value of Int32 type",
                "cannot cast string 'Utf8' to value of int32 type",
            ),
            (
                "Function 'date_trunc' user-defined coercion failed with: Error during planning: The unit is a text",
                "the unit is a text",
            ),
            ("takes Timestamp(µs, \"UTC\") or List(Utf8View)", "takes timestamp or list(string)"),
        ] {
            assert_eq!(plain(engines), ours);
        }
    }
}
