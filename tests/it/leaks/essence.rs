//! What two answers must have in common: owns taking out of an answer what chance and time decide, and finding the values
//! that a message repeats. Does not ask.

use serde_json::{Map, Value, json};
use sluice_tests::client::Answer;
use sluice_tests::doors::Outcome;
use sluice_tests::json::sorted;

/// The code of a row that failed, whose message repeats a value.
const FAILED: &str = "evaluation_failed";

/// What must be equal of an answer over REST: everything but times, ids, sizes and cursors.
pub(super) fn of_answer(answer: &Answer, is_ordered: bool) -> Value {
    let mut body = answer.json();
    if let Some(object) = body.as_object_mut() {
        object.remove("request_id");
        object.remove("meta");
        if let Some(Value::Object(page)) = object.get_mut("page") {
            page.remove("next_cursor");
            page.remove("prev_cursor");
        }
        // Which of several failing rows is met first, and so in which way it fails, is left to chance
        // where all rows are visible; that the row is visible is not.
        if object.get("code") == Some(&json!(FAILED)) {
            object.remove("detail");
        }
        match object.get_mut("data") {
            Some(Value::Array(rows)) if !is_ordered => {
                let lines = sorted(&rows.iter().map(rounded).collect::<Vec<Value>>());
                object.insert("data".to_owned(), json!(lines));
            }
            Some(Value::Object(described)) => only_what_is_seen(described),
            _ => {}
        }
    }
    json!({ "status": answer.status, "body": body })
}

/// What must be equal of what any door said.
pub(super) fn of_outcome(outcome: &Outcome, is_ordered: bool) -> Value {
    let mut said = outcome.said.clone();
    said.remove("tables");
    if outcome.code() == FAILED {
        said.remove("message");
    }
    match said.get_mut("rows") {
        Some(Value::Array(rows)) if !is_ordered => {
            let lines = sorted(&rows.iter().map(rounded).collect::<Vec<Value>>());
            said.insert("rows".to_owned(), json!(lines));
        }
        _ => {}
    }
    if let Some(Value::Object(description)) = said.get_mut("description") {
        if let Some(Value::Object(table)) = description.get_mut("table") {
            only_what_is_seen(table);
        }
        only_what_is_seen(description);
    }
    json!({ "said": said, "columns": outcome.columns, "types": outcome.types })
}

/// That a column is masked is no secret, and neither is the time of a commit.
fn only_what_is_seen(described: &mut Map<String, Value>) {
    for part in ["age_ms", "as_of", "rows", "bytes", "stale"] {
        described.remove(part);
    }
    for column in described.get_mut("columns").and_then(Value::as_array_mut).into_iter().flatten() {
        column.as_object_mut().unwrap().remove("masked");
    }
}

/// Floats to twelve digits: the last ones depend on where a batch ends.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let text = number.as_f64().map(|float| format!("{float:.11e}"));
            json!(text)
        }
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), rounded(value))).collect()
        }
        other => other.clone(),
    }
}

/// The values that the message of a failed evaluation repeats.
pub(super) fn quoted_values(code: &str, message: &str) -> Vec<String> {
    if code != FAILED {
        return Vec::new();
    }
    values_in(message).into_iter().map(str::to_owned).collect()
}

/// The apostrophe of "can't" opens no quotation.
fn plain(detail: &str) -> &str {
    detail.strip_prefix("can't").unwrap_or(detail)
}

/// What stands in quotes, and every word that is a number.
fn values_in(detail: &str) -> Vec<&str> {
    let quoted = plain(detail).split('\'').skip(1).step_by(2);
    let numbers = detail.split_whitespace().filter(|word| word.parse::<f64>().is_ok());
    quoted.chain(numbers).collect()
}
