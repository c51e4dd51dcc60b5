//! Who may see what: owns tokens, keys, principals and the policies that turn a role's rules
//! into an effective policy for one version of one table. Knows nothing of where tables are
//! stored, how queries are planned, or how answers are encoded.

pub mod audit;
pub mod column_mask;
pub mod diagnostic;
pub mod fingerprint;
pub mod keys;
pub mod principal;
pub mod row_filter;
pub mod rule;
pub mod table_policy;
pub mod token;
pub mod type_name;
