//! Masks that change values, against evaluators written from the words of docs/policies.md, one value at a time
//! and without a thought for speed.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, Timelike};

use super::*;

/// The one value of a column under the mask that the rule describes.
fn masked<T: ArrowPrimitiveType>(text: &str, data_type: &DataType, value: T::Native) -> T::Native {
    let array = PrimitiveArray::<T>::from_iter_values([value]).with_data_type(data_type.clone());
    let mask = mask_from_rule(&rule(text), data_type, &ring(), "t.c").unwrap();
    mask.apply(&(Arc::new(array) as ArrayRef)).unwrap().as_primitive::<T>().value(0)
}

#[derive(Debug, Clone, Copy)]
enum Stepped {
    Truncated,
    Rounded,
    Bucketed,
}

impl Stepped {
    const ALL: [Self; 3] = [Self::Truncated, Self::Rounded, Self::Bucketed];

    fn rule(self, step: &str) -> String {
        match self {
            Self::Truncated => format!("truncate: {{ step: {step} }}"),
            Self::Rounded => format!("round: {step}"),
            Self::Bucketed => format!("bucket: {{ width: {step} }}"),
        }
    }

    /// A multiple of `step`; the next one toward zero where that is outside of `least..=most`.
    fn of(self, value: i128, step: i128, least: i128, most: i128) -> i128 {
        let toward_zero = value / step * step;
        let away = toward_zero + step * value.signum();
        let exact = match self {
            Self::Truncated => toward_zero,
            Self::Rounded if 2 * (value - toward_zero).abs() >= step => away,
            Self::Bucketed if value < toward_zero => away,
            _ => toward_zero,
        };
        if (least..=most).contains(&exact) { exact } else { toward_zero }
    }
}

fn start_of(unit: CalendarUnit, at: NaiveDateTime) -> NaiveDateTime {
    let date = at.date();
    let first = |month: u32| NaiveDate::from_ymd_opt(date.year(), month, 1).unwrap();
    let midnight = |date: NaiveDate| date.and_hms_opt(0, 0, 0).unwrap();
    match unit {
        CalendarUnit::Year => midnight(first(1)),
        CalendarUnit::Quarter => midnight(first((date.month() - 1) / 3 * 3 + 1)),
        CalendarUnit::Month => midnight(first(date.month())),
        CalendarUnit::Week => midnight(date - Days::new(u64::from(date.weekday().num_days_from_monday()))),
        CalendarUnit::Day => midnight(date),
        CalendarUnit::Hour => date.and_hms_opt(at.hour(), 0, 0).unwrap(),
        CalendarUnit::Minute => date.and_hms_opt(at.hour(), at.minute(), 0).unwrap(),
        CalendarUnit::Second => date.and_hms_opt(at.hour(), at.minute(), at.second()).unwrap(),
    }
}

proptest! {
    #[test]
    fn integers(value in wide(), step in prop_oneof![1_i128..1_000, Just(2), Just(10)]) {
        for kind in Stepped::ALL {
            let text = kind.rule(&step.to_string());
            let expected = |least: i64, most: i64, value: i64| {
                kind.of(value.into(), step, least.into(), most.into())
            };
            let wide = masked::<Int64Type>(&text, &DataType::Int64, value);
            prop_assert_eq!(i128::from(wide), expected(i64::MIN, i64::MAX, value), "{}", text);
            let narrow = value as i16;
            let shown = masked::<Int16Type>(&text, &DataType::Int16, narrow);
            prop_assert_eq!(i128::from(shown), expected(i16::MIN.into(), i16::MAX.into(), narrow.into()), "{}", text);
            if step <= 127 {
                let least = value as i8;
                let shown = masked::<Int8Type>(&text, &DataType::Int8, least);
                prop_assert_eq!(i128::from(shown), expected(i8::MIN.into(), i8::MAX.into(), least.into()), "{}", text);
            }
        }
    }

    #[test]
    fn decimals_of_38_digits(value in decimals(), hundredths in prop_oneof![1_i128..100_000, Just(50)]) {
        let most = 10_i128.pow(38) - 1;
        let step = format!("{}.{:02}", hundredths / 100, hundredths % 100);
        for kind in Stepped::ALL {
            let text = kind.rule(&step);
            let shown = masked::<Decimal128Type>(&text, &DataType::Decimal128(38, 2), value);
            prop_assert_eq!(shown, kind.of(value, hundredths, -most, most), "{} of {}", text, value);
        }
    }

    /// Steps of a power of two, where doubles compute without rounding.
    #[test]
    fn floats(quarters in -1_000_000_i32..1_000_000) {
        let value = f64::from(quarters) / 4.0;
        for kind in Stepped::ALL {
            let exact = kind.of(quarters.into(), 2, i128::MIN, i128::MAX);
            let shown = masked::<Float64Type>(&kind.rule("0.5"), &DataType::Float64, value);
            prop_assert_eq!(shown, exact as f64 / 4.0, "{:?} of {}", kind, value);
        }
    }

    #[test]
    fn dates(days in -90_000_000_i32..90_000_000) {
        let date = NaiveDate::from_epoch_days(days).unwrap();
        use CalendarUnit::{Day, Month, Quarter, Week, Year};
        for unit in [Year, Quarter, Month, Week, Day] {
            for name in ["truncate", "bucket"] {
                let shown = masked::<Date32Type>(&format!("{name}: {{ unit: {unit} }}"), &DataType::Date32, days);
                let start = start_of(unit, date.and_hms_opt(0, 0, 0).unwrap()).date();
                prop_assert_eq!(shown, start.to_epoch_days(), "{} of {}", unit, date);
            }
        }
    }

    #[test]
    fn timestamps(micros in -7_000_000_000_000_000_000_i64..7_000_000_000_000_000_000) {
        let at = DateTime::from_timestamp_micros(micros).unwrap().naive_utc();
        for unit in CalendarUnit::ALL {
            let shown = masked::<TimestampMicrosecondType>(&format!("truncate: {{ unit: {unit} }}"), &utc(), micros);
            prop_assert_eq!(shown, start_of(unit, at).and_utc().timestamp_micros(), "{} of {}", unit, at);
        }
    }

    #[test]
    fn ends_of_texts(value in "\\PC{0,24}", first in 0_usize..5, last in 0_usize..5) {
        prop_assume!(first + last > 0);
        let text = format!("partial: {{ keep_first: {first}, keep_last: {last} }}");
        let mask = mask_from_rule(&rule(&text), &DataType::Utf8, &ring(), "t.c").unwrap();
        let shown = mask.apply(&(Arc::new(StringArray::from(vec![value.clone()])) as ArrayRef)).unwrap();
        let chars: Vec<char> = value.chars().collect();
        let hidden = chars.len().saturating_sub(first + last);
        let expected = if hidden >= first + last && hidden >= 4 {
            let ends = |part: &[char]| part.iter().collect::<String>();
            format!("{}****{}", ends(&chars[..first]), ends(&chars[chars.len() - last..]))
        } else {
            "****".to_owned()
        };
        prop_assert_eq!(shown.as_string::<i32>().value(0), expected, "{} of {:?}", text, value);
    }
}
