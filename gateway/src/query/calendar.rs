//! Days and instants as ISO 8601 text: owns the conversion, total over every value that a column
//! can hold. Libraries' calendars end before the columns' do, and an answer may not fail on one
//! far-off date.

use std::io::Write;

use arrow::datatypes::TimeUnit;

const SECONDS_A_DAY: i64 = 86_400;

/// Parts of a second that a unit counts.
pub const fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// Appends `2013-01-31`; days count from 1970-01-01.
pub fn append_date(out: &mut Vec<u8>, days: i64) {
    let (year, month, day) = civil(days);
    // Writing to memory cannot fail.
    let _ = if (0..=9_999).contains(&year) {
        write!(out, "{year:04}-{month:02}-{day:02}")
    } else {
        write!(out, "{year:+07}-{month:02}-{day:02}")
    };
}

/// Appends `2013-01-31T05:00:00`; `value` counts `per_second` parts of a second from the epoch.
pub fn append_timestamp(out: &mut Vec<u8>, value: i64, per_second: i64) {
    let (seconds, parts) = (value.div_euclid(per_second), value.rem_euclid(per_second));
    append_date(out, seconds.div_euclid(SECONDS_A_DAY));
    out.push(b'T');
    append_clock(out, seconds.rem_euclid(SECONDS_A_DAY), parts, per_second);
}

/// Appends the timestamp that lies `nanos` after `seconds` from the epoch.
pub fn append_instant(out: &mut Vec<u8>, seconds: i64, nanos: u32) {
    append_date(out, seconds.div_euclid(SECONDS_A_DAY));
    out.push(b'T');
    append_clock(out, seconds.rem_euclid(SECONDS_A_DAY), i64::from(nanos), 1_000_000_000);
}

/// Appends `05:00:00`; `value` counts `per_second` parts of a second from midnight.
pub fn append_time(out: &mut Vec<u8>, value: i64, per_second: i64) {
    append_clock(out, value.div_euclid(per_second), value.rem_euclid(per_second), per_second);
}

fn append_clock(out: &mut Vec<u8>, seconds: i64, parts: i64, per_second: i64) {
    let _ = write!(out, "{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let nanos = parts * (1_000_000_000 / per_second);
    let _ = if nanos == 0 {
        Ok(())
    } else if nanos % 1_000_000 == 0 {
        write!(out, ".{:03}", nanos / 1_000_000)
    } else if nanos % 1_000 == 0 {
        write!(out, ".{:06}", nanos / 1_000)
    } else {
        write!(out, ".{nanos:09}")
    };
}

/// Year, month and day of the proleptic Gregorian calendar, by the algorithm of Howard Hinnant's
/// "chrono-compatible low-level date algorithms": years begin in March, so that the leap day is
/// the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = i128::from(days) + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i128::from(month <= 2);
    (narrowed(year), narrowed(month), narrowed(day))
}

/// Years of 64-bit day counts fit 64 bits: there are fewer of them than days.
fn narrowed(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use chrono::{DateTime, Datelike, NaiveDate};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    fn text(append: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        append(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn random_instants_read_as_chrono_reads_them() {
        let seed: u64 = rand::random();
        println_seed(seed);
        let mut random = StdRng::seed_from_u64(seed);
        for _ in 0..10_000 {
            let micros: i64 = random.random_range(-62_135_596_800_000_000..253_402_300_799_999_999);
            let expected = DateTime::from_timestamp_micros(micros).unwrap().naive_utc();
            let written = text(|out| append_timestamp(out, micros, 1_000_000));
            assert_eq!(written.parse::<chrono::NaiveDateTime>().unwrap(), expected, "{written}");
        }
    }

    #[expect(clippy::print_stdout, reason = "the seed of a random test")]
    fn println_seed(seed: u64) {
        println!("seed {seed}");
    }

    #[test]
    fn every_day_around_leap_years_is_right() {
        let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
        let mut day = NaiveDate::from_ymd_opt(1896, 1, 1).unwrap();
        while day.year() < 2105 {
            let days = day.signed_duration_since(epoch).num_days();
            assert_eq!(text(|out| append_date(out, days)), day.format("%Y-%m-%d").to_string());
            day = day.succ_opt().unwrap();
        }
    }

    #[test]
    fn the_farthest_values_have_a_text_too() {
        assert_eq!(text(|out| append_timestamp(out, i64::MAX, 1_000_000)), "+294247-01-10T04:00:54.775807");
        assert_eq!(text(|out| append_timestamp(out, i64::MIN, 1_000_000)), "-290308-12-21T19:59:05.224192");
        assert_eq!(text(|out| append_date(out, i64::from(i32::MAX))), "+5881580-07-11");
        assert!(text(|out| append_timestamp(out, i64::MIN, 1)).starts_with('-'));
        assert_eq!(text(|out| append_date(out, -719_528)), "0000-01-01");
        assert_eq!(text(|out| append_date(out, -719_529)), "-000001-12-31");
    }

    #[test]
    fn fractions_have_as_many_digits_as_they_need() {
        for (nanos, expected) in [
            (0, "00:00:00"),
            (5_000_000, "00:00:00.005"),
            (5_000, "00:00:00.000005"),
            (5, "00:00:00.000000005"),
            (86_399_999_999_999, "23:59:59.999999999"),
        ] {
            assert_eq!(text(|out| append_time(out, nanos, 1_000_000_000)), expected);
        }
    }
}
