//! Which SQL functions a caller may name: owns the allow-list. A function is on it when it reads
//! nothing but its arguments and its output is bounded by them; what grows (`repeat`, `lpad`,
//! `replace`, `range`, ...), what reads files or the session, and what sleeps is not registered
//! at all, so that it is unknown rather than refused. See docs/decisions/0003-functions.md.

mod arithmetic;
pub(super) mod calendar;
pub(super) mod extremes;
pub(super) mod guarded;
pub(super) mod matching;
mod opaque;
pub(super) mod sums;

use std::sync::Arc;

use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};

const SCALAR: &[&str] = &[
    // conditions and nulls
    "coalesce",
    "nullif",
    "nvl",
    "nvl2",
    "greatest",
    "least",
    // numbers
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "ceil",
    "cos",
    "cosh",
    "cot",
    "degrees",
    "exp",
    "floor",
    "gcd",
    "isnan",
    "iszero",
    "lcm",
    "ln",
    "log",
    "log10",
    "log2",
    "nanvl",
    "pi",
    "power",
    "radians",
    "round",
    "signum",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
    // text that does not outgrow its input
    "ascii",
    "bit_length",
    "btrim",
    "character_length",
    "chr",
    "contains",
    "ends_with",
    "find_in_set",
    "initcap",
    "left",
    "lower",
    "ltrim",
    "octet_length",
    "regexp_like",
    "reverse",
    "right",
    "rtrim",
    "split_part",
    "starts_with",
    "strpos",
    "substr",
    "substr_index",
    "to_hex",
    "translate",
    "upper",
    // dates and times
    "current_date",
    "current_time",
    "date_bin",
    "date_part",
    "date_trunc",
    "from_unixtime",
    "make_date",
    "now",
    "to_date",
    "to_local_time",
    "to_timestamp",
    "to_timestamp_micros",
    "to_timestamp_millis",
    "to_timestamp_nanos",
    "to_timestamp_seconds",
    "to_unixtime",
    // nested values
    "array_distance",
    "array_element",
    "array_has",
    "array_has_all",
    "array_has_any",
    "array_length",
    "array_max",
    "array_min",
    "array_ndims",
    "array_position",
    "array_slice",
    "cardinality",
    "empty",
    "get_field",
    "map_extract",
    "map_keys",
    "map_values",
];

const AGGREGATE: &[&str] = &[
    "approx_distinct",
    "approx_median",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "first_value",
    "grouping",
    "last_value",
    "max",
    "median",
    "min",
    "nth_value",
    "percentile_cont",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "stddev",
    "stddev_pop",
    "sum",
    "var",
    "var_pop",
];

const WINDOW: &[&str] = &[
    "cume_dist",
    "dense_rank",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "nth_value",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
];

/// Scalar functions that exist for callers.
pub(super) fn scalar() -> Vec<Arc<ScalarUDF>> {
    let mut all = SessionStateDefaults::default_scalar_functions();
    all.retain(|f| SCALAR.contains(&f.name()));
    all.into_iter().map(calendar::replaced).map(matching::replaced).collect()
}

/// Functions that policies may use besides: their texts are the operator's own.
pub(super) fn policy_only() -> Vec<Arc<ScalarUDF>> {
    let mut all = SessionStateDefaults::default_scalar_functions();
    all.retain(|f| f.name() == "concat");
    all
}

/// Aggregate functions that exist for callers.
pub(super) fn aggregate() -> Vec<Arc<AggregateUDF>> {
    let mut all = SessionStateDefaults::default_aggregate_functions();
    all.retain(|f| AGGREGATE.contains(&f.name()));
    all.into_iter().map(extremes::replaced).map(sums::replaced).collect()
}

/// Window functions that exist for callers.
pub(super) fn window() -> Vec<Arc<WindowUDF>> {
    let mut all = SessionStateDefaults::default_window_functions();
    all.retain(|f| WINDOW.contains(&f.name()));
    all
}

/// Every name that a caller may use, aliases included: for checks and for hints.
pub(super) fn names() -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for f in scalar() {
        names.push(f.name().to_owned());
        names.extend(f.aliases().iter().cloned());
    }
    for f in aggregate() {
        names.push(f.name().to_owned());
        names.extend(f.aliases().iter().cloned());
    }
    for f in window() {
        names.push(f.name().to_owned());
        names.extend(f.aliases().iter().cloned());
    }
    names.sort();
    names.dedup();
    names
}
