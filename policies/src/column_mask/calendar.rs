//! Units of time: owns the start of a year, month, week and so on, for every value that a date
//! or timestamp type can hold. Arithmetic of its own, because calendars of libraries end some
//! 260,000 years out, where dates of 32 bits go on.

use std::fmt;
use std::str::FromStr;

/// A unit of time, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarUnit {
    /// From the first of January.
    Year,
    /// From the first of January, April, July or October.
    Quarter,
    /// From the first of the month.
    Month,
    /// From Monday (ISO 8601).
    Week,
    /// From midnight.
    Day,
    /// The hour.
    Hour,
    /// The minute.
    Minute,
    /// The second.
    Second,
}

impl CalendarUnit {
    /// Every unit, coarsest first.
    pub const ALL: [Self; 8] = [
        Self::Year,
        Self::Quarter,
        Self::Month,
        Self::Week,
        Self::Day,
        Self::Hour,
        Self::Minute,
        Self::Second,
    ];

    /// The name in policy files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Quarter => "quarter",
            Self::Month => "month",
            Self::Week => "week",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
        }
    }

    pub(crate) const fn is_finer_than_day(self) -> bool {
        matches!(self, Self::Hour | Self::Minute | Self::Second)
    }

    /// The first day of the unit that holds this day (days since 1970-01-01). A start before the
    /// first date is the first date.
    pub(super) fn start_of_days(self, days: i32) -> i32 {
        let start = self.start_day(i64::from(days));
        i32::try_from(start).unwrap_or(i32::MIN)
    }

    /// The first tick of the unit that holds this tick. A start before the first tick is the
    /// first tick.
    pub(super) fn start_of_ticks(self, ticks: i64, ticks_per_second: i64) -> i64 {
        let per_second = i128::from(ticks_per_second);
        let seconds = match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day | Self::Week | Self::Month | Self::Quarter | Self::Year => 86_400,
        };
        let unit = per_second * seconds;
        let floor = i128::from(ticks).div_euclid(unit);
        let start = match (self.is_finer_than_day(), i64::try_from(floor)) {
            (false, Ok(day)) => i128::from(self.start_day(day)) * unit,
            (true, _) | (false, Err(_)) => floor * unit,
        };
        i64::try_from(start).unwrap_or(i64::MIN)
    }

    fn start_day(self, day: i64) -> i64 {
        match self {
            Self::Year => {
                let (year, _) = year_and_month(day);
                first_day(year, 1)
            }
            Self::Quarter => {
                let (year, month) = year_and_month(day);
                first_day(year, (month - 1) / 3 * 3 + 1)
            }
            Self::Month => {
                let (year, month) = year_and_month(day);
                first_day(year, month)
            }
            // 1970-01-01 was a Thursday.
            Self::Week => day - (day + 3).rem_euclid(7),
            Self::Day | Self::Hour | Self::Minute | Self::Second => day,
        }
    }
}

impl fmt::Display for CalendarUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown unit of time")]
pub struct UnknownUnit;

impl FromStr for CalendarUnit {
    type Err = UnknownUnit;

    fn from_str(text: &str) -> Result<Self, UnknownUnit> {
        Self::ALL.into_iter().find(|unit| unit.as_str() == text).ok_or(UnknownUnit)
    }
}

// Days from civil and back, after Howard Hinnant's "chrono-compatible low-level date
// algorithms": years are counted from March, so that the leap day is the last of its year.
const DAYS_PER_ERA: i64 = 146_097;
const DAYS_TO_EPOCH: i64 = 719_468;

fn year_and_month(day: i64) -> (i64, i64) {
    let shifted = day + DAYS_TO_EPOCH;
    let era = shifted.div_euclid(DAYS_PER_ERA);
    let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month)
}

fn first_day(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use chrono::{Datelike, Duration, NaiveDate};

    use super::*;

    #[test]
    fn starts_agree_with_chrono_over_two_thousand_years() {
        let epoch = NaiveDate::default();
        for day in (-400_000..400_000).step_by(13) {
            let date = epoch + Duration::days(i64::from(day));
            let offset = |start: NaiveDate| i32::try_from((start - epoch).num_days()).unwrap();
            let month = date.with_day(1).unwrap();
            let quarter = month.with_month((date.month() - 1) / 3 * 3 + 1).unwrap();
            let week = date - Duration::days(i64::from(date.weekday().num_days_from_monday()));
            assert_eq!(CalendarUnit::Month.start_of_days(day), offset(month));
            assert_eq!(CalendarUnit::Quarter.start_of_days(day), offset(quarter));
            assert_eq!(CalendarUnit::Year.start_of_days(day), offset(date.with_ordinal(1).unwrap()));
            assert_eq!(CalendarUnit::Week.start_of_days(day), offset(week));
        }
    }

    #[test]
    fn extremes_stay_inside_the_type() {
        for unit in CalendarUnit::ALL {
            for day in [i32::MIN, i32::MIN + 1, i32::MAX] {
                assert!(unit.start_of_days(day) <= day);
            }
            for per_second in [1, 1_000, 1_000_000, 1_000_000_000] {
                for ticks in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX] {
                    assert!(unit.start_of_ticks(ticks, per_second) <= ticks);
                }
            }
        }
    }

    #[test]
    fn times_before_the_epoch_go_down() {
        assert_eq!(CalendarUnit::Hour.start_of_ticks(-1, 1), -3_600);
        assert_eq!(CalendarUnit::Day.start_of_ticks(-1, 1_000), -86_400_000);
        assert_eq!(CalendarUnit::Second.start_of_ticks(1_999, 1_000), 1_000);
    }
}
