//! `regexp_like` that ends once nobody waits for it: owns matching value by value. The engine's own matches a
//! batch in one call, which a pattern made for it keeps busy for minutes. Does not decide which patterns are let
//! in.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{ArrayRef, AsArray, BooleanArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{ScalarValue, exec_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::functions::regex::regexp_like as engines;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};
use regex::Regex;

use crate::engine::abandoned::Waiting;

/// Bytes of text that are matched between two looks at whether anybody waits. A pattern can cost fifty
/// microseconds a byte.
const LOOK_BYTES: usize = 256;

/// The function itself, or ours in place of the engine's, for the query that is at work.
pub(super) fn replaced(function: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    if function.name() != "regexp_like" {
        return function;
    }
    let ours = RegexpLike { inner: engines(), waiting: Waiting::for_this(), compiled: Mutex::default() };
    Arc::new(ScalarUDF::new_from_impl(ours))
}

/// `pattern` under `flags`, as long as it is no larger than `bytes_max` once it is compiled.
///
/// # Errors
/// What is no regular expression, and what is too large a one.
pub(in crate::engine) fn compile(
    pattern: &str,
    flags: &str,
    bytes_max: usize,
) -> std::result::Result<Regex, regex::Error> {
    let text = if flags.is_empty() { pattern.to_owned() } else { format!("(?{flags}){pattern}") };
    regex::RegexBuilder::new(&text).size_limit(bytes_max).build()
}

#[derive(Debug)]
struct RegexpLike {
    inner: Arc<ScalarUDF>,
    waiting: Waiting,
    /// What this query matches, by pattern and flags: a batch is a call.
    compiled: Mutex<HashMap<[String; 2], Arc<Regex>>>,
}

impl PartialEq for RegexpLike {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl Eq for RegexpLike {}

impl Hash for RegexpLike {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl ScalarUDFImpl for RegexpLike {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        self.inner.return_type(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (values, pattern, flags) = match args.args.as_slice() {
            [values, pattern] => (values, text(pattern)?, Some("")),
            [values, pattern, flags] => (values, text(pattern)?, text(flags)?.or(Some(""))),
            _ => return exec_err!("regexp_like takes a text, a pattern and flags"),
        };
        let (Some(pattern), Some(flags)) = (pattern, flags) else {
            return Ok(ColumnarValue::Scalar(ScalarValue::Boolean(None)));
        };
        let regex = self.compiled(pattern, flags)?;
        match values {
            ColumnarValue::Array(values) => Ok(ColumnarValue::Array(self.matches(values, &regex)?)),
            ColumnarValue::Scalar(value) => {
                let matches = self.matches(&value.to_array()?, &regex)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&matches, 0)?))
            }
        }
    }
}

impl RegexpLike {
    fn known(&self) -> MutexGuard<'_, HashMap<[String; 2], Arc<Regex>>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn compiled(&self, pattern: &str, flags: &str) -> Result<Arc<Regex>> {
        let key = [pattern.to_owned(), flags.to_owned()];
        if let Some(known) = self.known().get(&key) {
            return Ok(Arc::clone(known));
        }
        // Its size was limited before it came here.
        let regex = compile(pattern, flags, usize::MAX)
            .map_err(|error| DataFusionError::Execution(format!("the pattern is not valid: {error}")))?;
        let regex = Arc::new(regex);
        self.known().insert(key, Arc::clone(&regex));
        Ok(regex)
    }

    fn matches(&self, values: &ArrayRef, regex: &Regex) -> Result<ArrayRef> {
        let texts = cast(values, &DataType::Utf8)?;
        let mut unlooked = 0;
        let mut matched = Vec::with_capacity(texts.len());
        for text in texts.as_string::<i32>() {
            unlooked += text.map_or(0, str::len);
            if unlooked > LOOK_BYTES {
                unlooked = 0;
                self.waiting.check()?;
            }
            matched.push(text.map(|text| regex.is_match(text)));
        }
        Ok(Arc::new(BooleanArray::from(matched)))
    }
}

/// The text of a literal; `None` where it is null.
fn text(value: &ColumnarValue) -> Result<Option<&str>> {
    match value {
        ColumnarValue::Scalar(ScalarValue::Null) => Ok(None),
        ColumnarValue::Scalar(value) => match value.try_as_str() {
            Some(text) => Ok(text),
            None => exec_err!("the pattern is not a text"),
        },
        ColumnarValue::Array(_) => exec_err!("the pattern is not a literal"),
    }
}
