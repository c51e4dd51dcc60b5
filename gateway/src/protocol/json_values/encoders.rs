//! The JSON of the types for which the Arrow writer's own form is not the documented one: owns
//! their encoders. All other types are left to the writer.

use std::io::Write;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BinaryViewArray, FixedSizeBinaryArray,
    LargeBinaryArray, MapArray, PrimitiveArray,
};
use arrow::datatypes::{
    ArrowNativeType, DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type,
    Decimal256Type, DecimalType, FieldRef, Float16Type, Float32Type, Float64Type, Int64Type,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt64Type,
};
use arrow::error::ArrowError;
use arrow_json::writer::{Encoder, EncoderFactory, EncoderOptions, NullableEncoder, make_encoder};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::JsonOptions;
use crate::query::calendar::{append_date, append_time, append_timestamp, per_second};

/// Chooses encoders by type and by the caller's switches.
#[derive(Debug)]
pub(super) struct Encoders {
    pub(super) options: JsonOptions,
}

impl EncoderFactory for Encoders {
    fn make_default_encoder<'a>(
        &self,
        _field: &'a FieldRef,
        array: &'a dyn Array,
        options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder = match array.data_type() {
            DataType::Int64 if self.options.safe => quoted::<Int64Type>(array),
            DataType::UInt64 if self.options.safe => quoted::<UInt64Type>(array),
            DataType::Decimal32(..) if self.options.safe => decimal::<Decimal32Type>(array),
            DataType::Decimal64(..) if self.options.safe => decimal::<Decimal64Type>(array),
            DataType::Decimal128(..) if self.options.safe => decimal::<Decimal128Type>(array),
            DataType::Decimal256(..) if self.options.safe => decimal::<Decimal256Type>(array),
            DataType::Float16 if self.options.nan_as_string => {
                float::<Float16Type>(array, |out, v| append_f32(out, v.to_f32()))
            }
            DataType::Float32 if self.options.nan_as_string => float::<Float32Type>(array, append_f32),
            DataType::Float64 if self.options.nan_as_string => float::<Float64Type>(array, append_f64),
            DataType::Date32 | DataType::Date64 => date(array),
            DataType::Timestamp(unit, zone) => timestamp(array, *unit, zone.is_some()),
            DataType::Time32(unit) | DataType::Time64(unit) => time_of_day(array, *unit),
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => binary(array),
            DataType::Map(..) => return pairs(array.as_map(), options),
            _ => None,
        };
        Ok(encoder.map(|encoder| NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

type Boxed<'a> = Option<Box<dyn Encoder + 'a>>;

/// An encoder from a function of the row.
struct ByRow<F>(F);

impl<F: FnMut(usize, &mut Vec<u8>)> Encoder for ByRow<F> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        (self.0)(row, out);
    }
}

fn by_row<'a>(encode: impl FnMut(usize, &mut Vec<u8>) + 'a) -> Boxed<'a> {
    Some(Box::new(ByRow(encode)))
}

fn quote(out: &mut Vec<u8>, inner: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    inner(out);
    out.push(b'"');
}

fn quoted<'a, T>(array: &'a dyn Array) -> Boxed<'a>
where
    T: ArrowPrimitiveType,
    T::Native: std::fmt::Display,
{
    let values: &'a PrimitiveArray<T> = array.as_primitive_opt()?;
    by_row(move |row, out| {
        // Writing to memory cannot fail.
        let _ = write!(out, "\"{}\"", values.value(row));
    })
}

fn decimal<'a, T: DecimalType>(array: &'a dyn Array) -> Boxed<'a> {
    let values: &'a PrimitiveArray<T> = array.as_primitive_opt()?;
    by_row(move |row, out| quote(out, |out| out.extend_from_slice(values.value_as_string(row).as_bytes())))
}

fn float<'a, T: ArrowPrimitiveType>(array: &'a dyn Array, append: fn(&mut Vec<u8>, T::Native)) -> Boxed<'a> {
    let values: &'a PrimitiveArray<T> = array.as_primitive_opt()?;
    by_row(move |row, out| append(out, values.value(row)))
}

fn append_f32(out: &mut Vec<u8>, value: f32) {
    if value.is_finite() {
        // Writing to memory cannot fail.
        let _ = serde_json::to_writer(out, &value);
    } else {
        append_f64(out, f64::from(value));
    }
}

fn append_f64(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        out.extend_from_slice(b"\"NaN\"");
    } else if value == f64::INFINITY {
        out.extend_from_slice(b"\"Infinity\"");
    } else if value == f64::NEG_INFINITY {
        out.extend_from_slice(b"\"-Infinity\"");
    } else {
        let _ = serde_json::to_writer(out, &value);
    }
}

fn date(array: &dyn Array) -> Boxed<'_> {
    const MILLIS_A_DAY: i64 = 86_400_000;
    if let Some(days) = array.as_primitive_opt::<Date32Type>() {
        return by_row(|row, out| quote(out, |out| append_date(out, i64::from(days.value(row)))));
    }
    let millis = array.as_primitive_opt::<Date64Type>()?;
    by_row(|row, out| quote(out, |out| append_date(out, millis.value(row).div_euclid(MILLIS_A_DAY))))
}

fn timestamp(array: &dyn Array, unit: TimeUnit, zoned: bool) -> Boxed<'_> {
    match unit {
        TimeUnit::Second => instants::<TimestampSecondType>(array, unit, zoned),
        TimeUnit::Millisecond => instants::<TimestampMillisecondType>(array, unit, zoned),
        TimeUnit::Microsecond => instants::<TimestampMicrosecondType>(array, unit, zoned),
        TimeUnit::Nanosecond => instants::<TimestampNanosecondType>(array, unit, zoned),
    }
}

fn instants<T: ArrowPrimitiveType<Native = i64>>(
    array: &dyn Array,
    unit: TimeUnit,
    zoned: bool,
) -> Boxed<'_> {
    let values = array.as_primitive_opt::<T>()?;
    by_row(move |row, out| {
        quote(out, |out| {
            append_timestamp(out, values.value(row), per_second(unit));
            if zoned {
                out.push(b'Z');
            }
        });
    })
}

fn time_of_day(array: &dyn Array, unit: TimeUnit) -> Boxed<'_> {
    match unit {
        TimeUnit::Second => clocks::<Time32SecondType>(array, unit),
        TimeUnit::Millisecond => clocks::<Time32MillisecondType>(array, unit),
        TimeUnit::Microsecond => clocks::<Time64MicrosecondType>(array, unit),
        TimeUnit::Nanosecond => clocks::<Time64NanosecondType>(array, unit),
    }
}

fn clocks<T: ArrowPrimitiveType>(array: &dyn Array, unit: TimeUnit) -> Boxed<'_>
where
    T::Native: Into<i64>,
{
    let values = array.as_primitive_opt::<T>()?;
    by_row(move |row, out| quote(out, |out| append_time(out, values.value(row).into(), per_second(unit))))
}

fn binary(array: &dyn Array) -> Boxed<'_> {
    let any = array.as_any();
    if let Some(values) = any.downcast_ref::<BinaryArray>() {
        return by_row(|row, out| append_base64(out, values.value(row)));
    }
    if let Some(values) = any.downcast_ref::<LargeBinaryArray>() {
        return by_row(|row, out| append_base64(out, values.value(row)));
    }
    if let Some(values) = any.downcast_ref::<BinaryViewArray>() {
        return by_row(|row, out| append_base64(out, values.value(row)));
    }
    let values = any.downcast_ref::<FixedSizeBinaryArray>()?;
    by_row(|row, out| append_base64(out, values.value(row)))
}

fn append_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    quote(out, |out| out.extend_from_slice(STANDARD.encode(bytes).as_bytes()));
}

/// Maps whose keys are not strings; the writer does the others.
fn pairs<'a>(
    map: &'a MapArray,
    options: &'a EncoderOptions,
) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
    let (keys, values): (&'a ArrayRef, &'a ArrayRef) = (map.keys(), map.values());
    if matches!(keys.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) {
        return Ok(None);
    }
    let DataType::Map(entries, _) = map.data_type() else { return Ok(None) };
    let DataType::Struct(fields) = entries.data_type() else { return Ok(None) };
    let [key_field, value_field] = &fields[..] else { return Ok(None) };
    let mut keys = make_encoder(key_field, keys.as_ref(), options)?;
    let mut values = make_encoder(value_field, values.as_ref(), options)?;
    let offsets = map.offsets();
    let encode = move |row: usize, out: &mut Vec<u8>| {
        let (start, end) = (offsets[row].as_usize(), offsets[row + 1].as_usize());
        out.push(b'[');
        for entry in start..end {
            out.extend_from_slice(if entry == start { b"{\"key\":" } else { b",{\"key\":" });
            append_nullable(&mut keys, entry, out);
            out.extend_from_slice(b",\"value\":");
            append_nullable(&mut values, entry, out);
            out.push(b'}');
        }
        out.push(b']');
    };
    Ok(Some(NullableEncoder::new(Box::new(ByRow(encode)), map.nulls().cloned())))
}

fn append_nullable(encoder: &mut NullableEncoder<'_>, at: usize, out: &mut Vec<u8>) {
    if encoder.is_null(at) {
        out.extend_from_slice(b"null");
    } else {
        encoder.encode(at, out);
    }
}
