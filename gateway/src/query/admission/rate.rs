//! The rate of each subject: owns a bounded set of token buckets. Does not know what a request
//! is for.

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use sluice_policies::principal::Principal;

use super::{SubjectKey, subject_key};
use crate::config::limits::LimitsConfig;

/// Full sets are swept at most this often: a sweep visits every bucket.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct SubjectRates {
    buckets: Option<Buckets>,
}

#[derive(Debug)]
struct Buckets {
    by_subject: DefaultKeyedRateLimiter<SubjectKey>,
    /// What all share while more subjects are active than are tracked.
    shared: DefaultDirectRateLimiter,
    subjects_max: usize,
    swept_at: Mutex<Option<Instant>>,
    clock: DefaultClock,
}

impl SubjectRates {
    pub(super) fn new(limits: &LimitsConfig) -> Self {
        let rate = NonZeroU32::new(limits.subject_requests_per_s);
        let burst = NonZeroU32::new(limits.subject_burst_requests);
        let buckets = rate.zip(burst).map(|(rate, burst)| {
            let quota = Quota::per_second(rate).allow_burst(burst);
            Buckets {
                by_subject: RateLimiter::keyed(quota),
                shared: RateLimiter::direct(quota),
                subjects_max: limits.subjects_tracked_max,
                swept_at: Mutex::new(None),
                clock: DefaultClock::default(),
            }
        });
        Self { buckets }
    }

    /// Counts one request, or says how long until one more fits.
    pub(super) fn charge(&self, principal: &Principal) -> Result<(), Duration> {
        let Some(buckets) = &self.buckets else { return Ok(()) };
        let answer = if buckets.has_room() {
            buckets.by_subject.check_key(&subject_key(principal))
        } else {
            buckets.shared.check()
        };
        answer.map_err(|not_until| not_until.wait_time_from(buckets.clock.now()))
    }
}

impl Buckets {
    fn has_room(&self) -> bool {
        if self.by_subject.len() < self.subjects_max {
            return true;
        }
        if self.may_sweep() {
            self.by_subject.retain_recent();
        }
        self.by_subject.len() < self.subjects_max
    }

    fn may_sweep(&self) -> bool {
        let Ok(mut swept_at) = self.swept_at.lock() else { return false };
        let due = swept_at.is_none_or(|last| last.elapsed() >= SWEEP_INTERVAL);
        if due {
            *swept_at = Some(Instant::now());
        }
        due
    }
}
