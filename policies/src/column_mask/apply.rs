//! Masks at work on arrays: owns the kernels' loops over every type. Which types a mask takes
//! is declared beside the masks; a type that is refused there is an error here.

use std::sync::Arc;

use arrow::array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow::array::{
    Array, ArrayRef, AsArray, GenericStringBuilder, OffsetSizeTrait, PrimitiveArray, StringArray,
    StringBuilder, StringViewBuilder, UInt32Array, new_null_array,
};
use arrow::compute::take;
use arrow_schema::{ArrowError, DataType, TimeUnit};

use super::hash::{self, HashMask};
use super::number::{self, Rounding, Step};
use super::{CalendarUnit, ColumnMask, ConstantMask, Grain, PartialMask, ticks_per_second};

impl ColumnMask {
    /// The masked values. Total for every array of a type that `output_type` takes; expressions
    /// are the engine's to evaluate and are refused here, as are fields that do not exist.
    pub fn apply(&self, input: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        self.output_type(input.data_type())
            .map_err(|error| ArrowError::InvalidArgumentError(error.to_string()))?;
        match self {
            Self::Null => Ok(new_null_array(input.data_type(), input.len())),
            Self::Constant(mask) => constant(mask, input),
            Self::Hash(mask) => hashed(mask, input),
            Self::Partial(mask) => partial(mask, input),
            Self::Truncate(Grain::Unit(unit)) | Self::Bucket(Grain::Unit(unit)) => by_unit(*unit, input),
            Self::Truncate(Grain::Step(step)) => by_step(step, Rounding::TowardZero, input),
            Self::Round(step) => by_step(step, Rounding::Nearest, input),
            Self::Bucket(Grain::Step(step)) => by_step(step, Rounding::Down, input),
            Self::Absent | Self::Expression(_) => {
                Err(ArrowError::InvalidArgumentError(format!("mask \"{}\" has no kernel", self.name())))
            }
        }
    }
}

fn constant(mask: &ConstantMask, input: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let one = mask.value().to_array(input.data_type())?;
    let places: UInt32Array = (0..input.len()).map(|row| input.is_valid(row).then_some(0)).collect();
    take(&one, &places, None)
}

fn by_unit(unit: CalendarUnit, input: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let ticks = |per: TimeUnit| {
        let per_second = ticks_per_second(per);
        move |value: i64| unit.start_of_ticks(value, per_second)
    };
    match input.data_type() {
        DataType::Date32 => map::<Date32Type>(input, |days| unit.start_of_days(days)),
        DataType::Timestamp(per @ TimeUnit::Second, _) => map::<TimestampSecondType>(input, ticks(*per)),
        DataType::Timestamp(per @ TimeUnit::Millisecond, _) => {
            map::<TimestampMillisecondType>(input, ticks(*per))
        }
        DataType::Timestamp(per @ TimeUnit::Microsecond, _) => {
            map::<TimestampMicrosecondType>(input, ticks(*per))
        }
        DataType::Timestamp(per @ TimeUnit::Nanosecond, _) => {
            map::<TimestampNanosecondType>(input, ticks(*per))
        }
        other => Err(no_kernel(other)),
    }
}

fn by_step(step: &Step, rounding: Rounding, input: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match input.data_type() {
        DataType::Int8 => integers::<Int8Type>(step, rounding, input),
        DataType::Int16 => integers::<Int16Type>(step, rounding, input),
        DataType::Int32 => integers::<Int32Type>(step, rounding, input),
        DataType::Int64 => integers::<Int64Type>(step, rounding, input),
        DataType::Decimal128(..) => integers::<Decimal128Type>(step, rounding, input),
        DataType::Float64 => map::<Float64Type>(input, |value| step.of_float(value, rounding)),
        DataType::Float32 => map::<Float32Type>(input, |value| {
            let multiple = step.of_float(f64::from(value), rounding) as f32;
            if multiple.is_finite() { multiple } else { value }
        }),
        other => Err(no_kernel(other)),
    }
}

fn integers<T>(step: &Step, rounding: Rounding, input: &ArrayRef) -> Result<ArrayRef, ArrowError>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128> + TryFrom<i128>,
{
    let data_type = input.data_type();
    let units = step.in_units_of(data_type).ok_or_else(|| no_kernel(data_type))?;
    let limits = number::limit(data_type);
    map::<T>(input, |value| {
        let multiple = number::of_integer(value.into(), units, limits, rounding);
        // Within the limits of the type by construction.
        T::Native::try_from(multiple).unwrap_or_default()
    })
}

fn map<T: ArrowPrimitiveType>(
    input: &ArrayRef,
    op: impl Fn(T::Native) -> T::Native,
) -> Result<ArrayRef, ArrowError> {
    let values = primitive::<T>(input)?;
    let masked: PrimitiveArray<T> = values.unary(op);
    Ok(Arc::new(masked.with_data_type(input.data_type().clone())))
}

fn primitive<T: ArrowPrimitiveType>(input: &ArrayRef) -> Result<&PrimitiveArray<T>, ArrowError> {
    input.as_primitive_opt::<T>().ok_or_else(|| no_kernel(input.data_type()))
}

fn partial(mask: &PartialMask, input: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match input.data_type() {
        DataType::Utf8 => partial_offsets::<i32>(mask, input),
        DataType::LargeUtf8 => partial_offsets::<i64>(mask, input),
        DataType::Utf8View => {
            let mut out = StringViewBuilder::with_capacity(input.len());
            let mut text = String::new();
            for value in input.as_string_view() {
                out.append_option(value.map(|value| masked(mask, value, &mut text)));
            }
            Ok(Arc::new(out.finish()))
        }
        other => Err(no_kernel(other)),
    }
}

fn partial_offsets<O: OffsetSizeTrait>(mask: &PartialMask, input: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let mut out = GenericStringBuilder::<O>::with_capacity(input.len(), input.len() * 8);
    let mut text = String::new();
    for value in input.as_string::<O>() {
        out.append_option(value.map(|value| masked(mask, value, &mut text)));
    }
    Ok(Arc::new(out.finish()))
}

fn masked<'a>(mask: &PartialMask, value: &str, text: &'a mut String) -> &'a str {
    text.clear();
    mask.write(value, text);
    text
}

fn hashed(mask: &HashMask, input: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let digests: StringArray = match input.data_type() {
        DataType::Boolean => {
            digests(mask, hash::KIND_BOOLEAN, input.as_boolean().iter().map(|v| v.map(|v| [u8::from(v)])))
        }
        DataType::Int8 => hashed_integers::<Int8Type>(mask, input)?,
        DataType::Int16 => hashed_integers::<Int16Type>(mask, input)?,
        DataType::Int32 => hashed_integers::<Int32Type>(mask, input)?,
        DataType::Int64 => hashed_integers::<Int64Type>(mask, input)?,
        DataType::Float32 => {
            let values = primitive::<Float32Type>(input)?.iter();
            digests(mask, hash::KIND_FLOAT, values.map(|v| v.map(|v| hash::float_bytes(f64::from(v)))))
        }
        DataType::Float64 => {
            let values = primitive::<Float64Type>(input)?.iter();
            digests(mask, hash::KIND_FLOAT, values.map(|v| v.map(hash::float_bytes)))
        }
        DataType::Decimal128(_, scale) => {
            let values = primitive::<Decimal128Type>(input)?.iter();
            digests(mask, hash::KIND_DECIMAL, values.map(|v| v.map(|v| hash::decimal_bytes(v, *scale))))
        }
        DataType::Date32 => {
            let values = primitive::<Date32Type>(input)?.iter();
            digests(mask, hash::KIND_DATE, values.map(|v| v.map(i32::to_le_bytes)))
        }
        DataType::Timestamp(unit, zone) => hashed_times(mask, *unit, zone.is_some(), input)?,
        DataType::Utf8 => digests(mask, hash::KIND_STRING, input.as_string::<i32>().iter()),
        DataType::LargeUtf8 => digests(mask, hash::KIND_STRING, input.as_string::<i64>().iter()),
        DataType::Utf8View => digests(mask, hash::KIND_STRING, input.as_string_view().iter()),
        DataType::Binary => digests(mask, hash::KIND_BINARY, input.as_binary::<i32>().iter()),
        DataType::LargeBinary => digests(mask, hash::KIND_BINARY, input.as_binary::<i64>().iter()),
        DataType::BinaryView => digests(mask, hash::KIND_BINARY, input.as_binary_view().iter()),
        other => return Err(no_kernel(other)),
    };
    Ok(Arc::new(digests))
}

fn hashed_integers<T>(mask: &HashMask, input: &ArrayRef) -> Result<StringArray, ArrowError>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64>,
{
    let values = primitive::<T>(input)?.iter();
    Ok(digests(mask, hash::KIND_INTEGER, values.map(|v| v.map(|v| Into::<i64>::into(v).to_le_bytes()))))
}

/// One instant hashes equal in every unit: it is written in nanoseconds.
fn hashed_times(
    mask: &HashMask,
    unit: TimeUnit,
    zoned: bool,
    input: &ArrayRef,
) -> Result<StringArray, ArrowError> {
    let kind = if zoned { hash::KIND_TIMESTAMP_UTC } else { hash::KIND_TIMESTAMP };
    let factor = i128::from(ticks_per_second(TimeUnit::Nanosecond) / ticks_per_second(unit));
    let bytes = |ticks: i64| (i128::from(ticks) * factor).to_le_bytes();
    Ok(match unit {
        TimeUnit::Second => {
            digests(mask, kind, primitive::<TimestampSecondType>(input)?.iter().map(|v| v.map(bytes)))
        }
        TimeUnit::Millisecond => {
            digests(mask, kind, primitive::<TimestampMillisecondType>(input)?.iter().map(|v| v.map(bytes)))
        }
        TimeUnit::Microsecond => {
            digests(mask, kind, primitive::<TimestampMicrosecondType>(input)?.iter().map(|v| v.map(bytes)))
        }
        TimeUnit::Nanosecond => {
            digests(mask, kind, primitive::<TimestampNanosecondType>(input)?.iter().map(|v| v.map(bytes)))
        }
    })
}

fn digests<B: AsRef<[u8]>>(
    mask: &HashMask,
    kind: u8,
    values: impl ExactSizeIterator<Item = Option<B>>,
) -> StringArray {
    let mut out = StringBuilder::with_capacity(values.len(), values.len() * 32);
    for value in values {
        out.append_option(value.map(|bytes| mask.digest(kind, bytes.as_ref())));
    }
    out.finish()
}

fn no_kernel(data_type: &DataType) -> ArrowError {
    ArrowError::InvalidArgumentError(format!("no kernel for type {data_type}"))
}
