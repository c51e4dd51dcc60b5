//! Limits on everything a caller can make the server spend: owns the fields, their units and
//! defaults, and the relations between them. Those on the size of statements have a file of their own. Does not
//! enforce; each layer enforces its own.

mod statements;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ceilings::{self, exceeded};

pub use statements::StatementLimits;

/// Every limit of the server. Fields are named with their unit.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Largest request body, in bytes.
    pub body_bytes_max: usize,
    /// Largest request target (path and query string), in bytes.
    pub url_bytes_max: usize,
    /// Most header fields of a request, in count.
    pub headers_max: usize,
    /// Largest request head (request line and all header fields), in bytes.
    pub header_bytes_max: usize,
    /// Open connections, in count; a further one takes the place of one that serves nobody.
    pub connections_max: usize,
    /// Concurrent HTTP/2 streams of one connection, in count.
    pub connection_streams_max: u32,
    /// Rows of a page when the caller does not say.
    pub page_rows_default: usize,
    /// Most rows of a page; a table may declare fewer.
    pub page_rows_max: usize,
    /// Most bytes of a page, as held in memory (Arrow); a cut sets `has_more`.
    pub page_bytes_max: usize,
    /// Most rows of an answer that does not page (SQL, all groups), and of a page of groups.
    pub result_rows_max: usize,
    /// Most bytes of the same, as held in memory (Arrow).
    pub result_bytes_max: usize,
    /// Longest encoded answer with rows, in bytes.
    pub answer_bytes_max: usize,
    /// Longest wall time of a query, waiting for a slot included, in milliseconds.
    pub query_time_ms_max: u64,
    /// Memory of all running queries together (the engine's pool), in bytes.
    pub memory_bytes_max: usize,
    /// Resident memory of the process above which heavy queries are refused, and a quarter above it light ones
    /// too, unless nothing else runs; running heavy ones are ended then. In bytes; 0 turns it off.
    pub resident_bytes_max: u64,
    /// Memory of computed answers that their callers have not read, all together, in bytes. A
    /// subject's only answer is always let through.
    pub undelivered_bytes_max: usize,
    /// The same of one subject, in bytes.
    pub subject_undelivered_bytes_max: usize,
    /// Disk that sorts, joins and aggregates may spill to, in bytes; 0 turns spilling off.
    pub spill_bytes_max: u64,
    /// Where spilled data goes; the system's temporary directory when absent.
    pub spill_dir: Option<PathBuf>,
    /// Queries that run at once (pages, lookups, counts), in count.
    pub queries_concurrent_max: usize,
    /// Heavy queries (SQL, aggregates) that run at once, in count; they have slots of their own.
    pub heavy_queries_concurrent_max: usize,
    /// Streams that run at once, in count; they have slots of their own.
    pub streams_concurrent_max: usize,
    /// Streams that one subject has at once, in count.
    pub subject_streams_max: usize,
    /// Longest wall time of a stream, waiting for a slot included, in milliseconds. It also ends when its
    /// caller's token expires.
    pub stream_time_ms_max: u64,
    /// Longest time for which nothing of a stream is read while rows wait, in milliseconds; it is ended then.
    pub stream_stall_ms_max: u64,
    /// Most rows of one part of a change that a follower of a table reads; a table may declare fewer.
    pub change_rows_max: usize,
    /// Reads of changes that run at once, in count; they take slots of light queries.
    pub change_reads_concurrent_max: usize,
    /// Queries that wait for a slot, each class counted by itself.
    pub queries_queued_max: usize,
    /// Longest wait for a slot, in milliseconds.
    pub queue_wait_ms_max: u64,
    /// Requests of one subject, sustained, in requests per second; 0 turns the rate off.
    pub subject_requests_per_s: u32,
    /// Requests that one subject may make at once before the rate applies, in count.
    pub subject_burst_requests: u32,
    /// Subjects whose rate is tracked, in count; beyond it newcomers share one allowance.
    pub subjects_tracked_max: usize,
    /// Filters, orders, aggregates and SQL texts.
    pub statements: StatementLimits,
    /// Nesting of a JSON body, in levels.
    pub json_depth_max: usize,
    /// Threads that plan and run light queries, and as many for heavy ones, in count; 0 takes four a
    /// core and at least eight.
    pub engine_threads: usize,
}

const MIB: usize = 1024 * 1024;

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            body_bytes_max: MIB,
            url_bytes_max: 16 * 1024,
            headers_max: 64,
            header_bytes_max: 32 * 1024,
            connections_max: 4096,
            connection_streams_max: 128,
            page_rows_default: 100,
            page_rows_max: 10_000,
            page_bytes_max: 16 * MIB,
            result_rows_max: 100_000,
            result_bytes_max: 64 * MIB,
            answer_bytes_max: 256 * MIB,
            query_time_ms_max: 30_000,
            memory_bytes_max: 1024 * MIB,
            resident_bytes_max: 3 * 1024 * MIB as u64,
            undelivered_bytes_max: 512 * MIB,
            subject_undelivered_bytes_max: 128 * MIB,
            spill_bytes_max: 8 * 1024 * MIB as u64,
            spill_dir: None,
            queries_concurrent_max: 32,
            heavy_queries_concurrent_max: 4,
            streams_concurrent_max: 16,
            subject_streams_max: 4,
            stream_time_ms_max: 60 * 60 * 1_000,
            stream_stall_ms_max: 30_000,
            change_rows_max: 1_000,
            change_reads_concurrent_max: 8,
            queries_queued_max: 256,
            queue_wait_ms_max: 10_000,
            subject_requests_per_s: 200,
            subject_burst_requests: 400,
            subjects_tracked_max: 100_000,
            statements: StatementLimits::default(),
            json_depth_max: 96,
            engine_threads: 0,
        }
    }
}

impl LimitsConfig {
    /// Every relation that does not hold, as the field to blame and the reason.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found: Vec<(&'static str, String)> = self.zero_fields();
        found.extend(self.too_large_fields());
        if self.page_rows_default > self.page_rows_max {
            found.push((
                "page_rows_default",
                format!("must be at most page_rows_max ({})", self.page_rows_max),
            ));
        }
        if self.queue_wait_ms_max > self.query_time_ms_max {
            found.push((
                "queue_wait_ms_max",
                format!("must be at most query_time_ms_max ({})", self.query_time_ms_max),
            ));
        }
        if self.resident_bytes_max != 0 && self.resident_bytes_max < self.memory_bytes_max as u64 {
            found.push((
                "resident_bytes_max",
                format!("must be 0 or at least memory_bytes_max ({})", self.memory_bytes_max),
            ));
        }
        if self.json_depth_max > JSON_DEPTH_CEILING {
            found.push(("json_depth_max", format!("must be at most {JSON_DEPTH_CEILING}")));
        }
        if self.subject_requests_per_s > 0 && self.subject_burst_requests == 0 {
            found.push((
                "subject_burst_requests",
                "must be at least 1 while subject_requests_per_s is set".to_owned(),
            ));
        }
        if self.header_bytes_max < HEADER_BYTES_FLOOR {
            found.push(("header_bytes_max", format!("must be at least {HEADER_BYTES_FLOOR}")));
        }
        found
    }

    fn zero_fields(&self) -> Vec<(&'static str, String)> {
        let at_least_one: [(&'static str, bool); 27] = [
            ("body_bytes_max", self.body_bytes_max == 0),
            ("url_bytes_max", self.url_bytes_max == 0),
            ("headers_max", self.headers_max == 0),
            ("connections_max", self.connections_max == 0),
            ("connection_streams_max", self.connection_streams_max == 0),
            ("page_rows_default", self.page_rows_default == 0),
            ("page_rows_max", self.page_rows_max == 0),
            ("page_bytes_max", self.page_bytes_max == 0),
            ("result_rows_max", self.result_rows_max == 0),
            ("result_bytes_max", self.result_bytes_max == 0),
            ("answer_bytes_max", self.answer_bytes_max == 0),
            ("query_time_ms_max", self.query_time_ms_max == 0),
            ("memory_bytes_max", self.memory_bytes_max == 0),
            ("undelivered_bytes_max", self.undelivered_bytes_max == 0),
            ("subject_undelivered_bytes_max", self.subject_undelivered_bytes_max == 0),
            ("queries_concurrent_max", self.queries_concurrent_max == 0),
            ("heavy_queries_concurrent_max", self.heavy_queries_concurrent_max == 0),
            ("streams_concurrent_max", self.streams_concurrent_max == 0),
            ("subject_streams_max", self.subject_streams_max == 0),
            ("stream_time_ms_max", self.stream_time_ms_max == 0),
            ("stream_stall_ms_max", self.stream_stall_ms_max == 0),
            ("change_rows_max", self.change_rows_max == 0),
            ("change_reads_concurrent_max", self.change_reads_concurrent_max == 0),
            ("queries_queued_max", self.queries_queued_max == 0),
            ("queue_wait_ms_max", self.queue_wait_ms_max == 0),
            ("subjects_tracked_max", self.subjects_tracked_max == 0),
            ("json_depth_max", self.json_depth_max == 0),
        ];
        at_least_one
            .into_iter()
            .filter(|(_, is_zero)| *is_zero)
            .map(|(field, _)| (field, "must be at least 1".to_owned()))
            .collect()
    }

    fn too_large_fields(&self) -> Vec<(&'static str, String)> {
        exceeded([
            ("body_bytes_max", self.body_bytes_max as u64, ceilings::BYTES),
            ("url_bytes_max", self.url_bytes_max as u64, ceilings::BYTES),
            ("headers_max", self.headers_max as u64, ceilings::HEADERS),
            ("header_bytes_max", self.header_bytes_max as u64, ceilings::BYTES),
            ("connections_max", self.connections_max as u64, ceilings::COUNT),
            ("connection_streams_max", self.connection_streams_max.into(), ceilings::COUNT),
            ("page_rows_default", self.page_rows_default as u64, ceilings::ROWS),
            ("page_rows_max", self.page_rows_max as u64, ceilings::ROWS),
            ("page_bytes_max", self.page_bytes_max as u64, ceilings::BYTES),
            ("result_rows_max", self.result_rows_max as u64, ceilings::ROWS),
            ("result_bytes_max", self.result_bytes_max as u64, ceilings::BYTES),
            ("answer_bytes_max", self.answer_bytes_max as u64, ceilings::BYTES),
            ("query_time_ms_max", self.query_time_ms_max, ceilings::TIME_MS),
            ("memory_bytes_max", self.memory_bytes_max as u64, ceilings::BYTES),
            ("resident_bytes_max", self.resident_bytes_max, ceilings::BYTES),
            ("undelivered_bytes_max", self.undelivered_bytes_max as u64, ceilings::BYTES),
            ("subject_undelivered_bytes_max", self.subject_undelivered_bytes_max as u64, ceilings::BYTES),
            ("spill_bytes_max", self.spill_bytes_max, ceilings::BYTES),
            ("queries_concurrent_max", self.queries_concurrent_max as u64, ceilings::COUNT),
            ("heavy_queries_concurrent_max", self.heavy_queries_concurrent_max as u64, ceilings::COUNT),
            ("streams_concurrent_max", self.streams_concurrent_max as u64, ceilings::COUNT),
            ("subject_streams_max", self.subject_streams_max as u64, ceilings::COUNT),
            ("stream_time_ms_max", self.stream_time_ms_max, ceilings::TIME_MS),
            ("stream_stall_ms_max", self.stream_stall_ms_max, ceilings::TIME_MS),
            ("change_rows_max", self.change_rows_max as u64, ceilings::ROWS),
            ("change_reads_concurrent_max", self.change_reads_concurrent_max as u64, ceilings::COUNT),
            ("queries_queued_max", self.queries_queued_max as u64, ceilings::COUNT),
            ("queue_wait_ms_max", self.queue_wait_ms_max, ceilings::TIME_MS),
            ("subject_requests_per_s", self.subject_requests_per_s.into(), ceilings::COUNT),
            ("subject_burst_requests", self.subject_burst_requests.into(), ceilings::COUNT),
            ("subjects_tracked_max", self.subjects_tracked_max as u64, ceilings::COUNT),
            ("engine_threads", self.engine_threads as u64, ceilings::THREADS),
        ])
    }
}

/// The JSON parser itself refuses anything deeper than 128.
const JSON_DEPTH_CEILING: usize = 127;
/// The HTTP/1 parser needs a read buffer of at least this size.
const HEADER_BYTES_FLOOR: usize = 8_192;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn defaults_hold_every_relation() {
        assert_eq!(LimitsConfig::default().problems(), vec![]);
    }

    #[test]
    fn a_default_page_larger_than_the_largest_is_refused() {
        let at = LimitsConfig { page_rows_default: 10, page_rows_max: 10, ..LimitsConfig::default() };
        assert_eq!(at.problems(), vec![]);
        let over = LimitsConfig { page_rows_default: 11, page_rows_max: 10, ..LimitsConfig::default() };
        assert_eq!(over.problems()[0].0, "page_rows_default");
    }

    #[test]
    fn a_limit_of_zero_that_would_refuse_everything_is_refused() {
        let zero = LimitsConfig { queries_concurrent_max: 0, ..LimitsConfig::default() };
        assert_eq!(zero.problems(), vec![("queries_concurrent_max", "must be at least 1".to_owned())]);
    }
}
