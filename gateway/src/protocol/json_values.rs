//! Values of rows as JSON: owns the one form that each type has there, and what of it callers may choose. Does not
//! frame values or rows, and does not know where a choice stands in a request.
//!
//! | type | JSON |
//! | --- | --- |
//! | integers | number; 64-bit ones strings with `safe` |
//! | floats | number; NaN and infinities `null`, or `"NaN"`, `"Infinity"`, `"-Infinity"` with `nan_as_string` |
//! | decimals | number with every digit; strings with `safe` |
//! | dates | `"2013-01-31"` |
//! | timestamps with a zone | `"2013-01-31T05:00:00Z"`, in UTC |
//! | timestamps without | `"2013-01-31T05:00:00"` |
//! | times of day | `"05:00:00"` |
//! | binary | base64 |
//! | struct, list | object, array |
//! | map | object when its keys are strings, else an array of `{"key":...,"value":...}` |
//!
//! Fractions of seconds have none, three, six or nine digits, as many as the value needs. Years
//! outside 0 to 9999 have a sign and at least six digits. Nulls are written out; fields keep the
//! order of the columns.

mod encoders;

use std::sync::Arc;

use arrow_json::EncoderOptions;

use self::encoders::Encoders;

/// How a caller wants its JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JsonOptions {
    /// 64-bit integers and decimals as strings, for readers whose numbers are doubles.
    pub safe: bool,
    /// NaN and infinities as strings instead of null.
    pub nan_as_string: bool,
}

/// What the encoders of the Arrow writer are to be made with.
pub fn encoder_options(options: JsonOptions) -> EncoderOptions {
    EncoderOptions::default().with_explicit_nulls(true).with_encoder_factory(Arc::new(Encoders { options }))
}

#[cfg(test)]
mod tests;
