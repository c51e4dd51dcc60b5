//! The engine: owns secured tables, planning and execution of authorized queries, and is the
//! one home of DataFusion. Does not know doors, cursors, caches or who the caller is beyond the
//! policy compiled into each table.

pub mod abandoned;
pub mod authorized;
mod barrier;
pub mod error;
pub(crate) mod expression;
mod functions;
mod in_order;
mod kept;
mod keyset;
pub mod page;
pub mod planner;
mod preempt;
mod relabel;
mod row_size;
mod scan;
pub mod secured;
pub mod session;
pub mod sink;
pub mod statement;
mod threads;
