//! What the engine can refuse or fail at: owns its error and the reading of DataFusion's.
//! Does not know codes or wire formats; the pipeline turns these into coded errors.

pub(super) mod wording;

use std::time::Duration;

use arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;

use wording::plain;

/// A place in a text that the caller sent, both counted from 1 in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextPosition {
    /// Line.
    pub line: u64,
    /// Column.
    pub column: u64,
}

/// Where and how an expression is wrong, in words for its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Where in the text, when it came as text.
    pub position: Option<TextPosition>,
}

impl Complaint {
    /// A complaint without hint or position.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, position: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// Adds where in the text.
    #[must_use]
    pub fn at(mut self, position: Option<TextPosition>) -> Self {
        self.position = position;
        self
    }
}

/// A refusal or failure of the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A table that is not among the caller's.
    #[error("table \"{0}\" not found")]
    UnknownTable(String),
    /// A table named in a schema; there are none.
    #[error("{}", .0.message)]
    UnknownSchema(Complaint),
    /// A column that does not exist for this caller.
    #[error("{}", .0.message)]
    UnknownColumn(Complaint),
    /// A function off the allow-list.
    #[error("{}", .0.message)]
    UnknownFunction(Complaint),
    /// Text or tree that does not parse or type-check.
    #[error("{}", .0.message)]
    InvalidExpression(Complaint),
    /// SQL that is not one read-only `SELECT` over plain tables.
    #[error("{}", .0.message)]
    Unsupported(Complaint),
    /// A request that contradicts itself or the table.
    #[error("{}", .0.message)]
    InvalidRequest(Complaint),
    /// More or deeper parts than the limit.
    #[error("{0}")]
    TooLarge(String),
    /// A grant that the role lacks.
    #[error("{0}")]
    Forbidden(String),
    /// No such version, or no such row.
    #[error("{0}")]
    NotFound(String),
    /// A position in another order than the one that is read in.
    #[error("the position belongs to another order")]
    OtherOrder,
    /// The version that a cursor is pinned to is gone.
    #[error("the version that the cursor continues is gone")]
    Expired,
    /// The table is the caller's but cannot be read at present.
    #[error("table \"{table}\" is unavailable")]
    TableUnavailable {
        /// Declared name.
        table: String,
        /// Why, for the log.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Rows or bytes past the limit of a call that does not page.
    #[error("{0}")]
    ResultTooLarge(String),
    /// Nobody took the rows of a stream for this long.
    #[error("nothing of the stream was read for {} ms", .0.as_millis())]
    Stalled(Duration),
    /// The key is not declared, hidden or masked for this caller.
    #[error("{0}")]
    KeyUnavailable(String),
    /// The caller's own expression failed on rows that the caller may see.
    #[error("{0}")]
    Evaluation(String),
    /// The caller's own expression does not plan or run, and the engine's words for it are not
    /// meant for callers.
    #[error("{message}")]
    Unexplained {
        /// It failed before any row was read.
        in_planning: bool,
        /// What can be said.
        message: String,
        /// The engine's own words, for the log.
        #[source]
        source: Box<DataFusionError>,
    },
    /// The memory pool refused.
    #[error("the query needs more memory than is allowed")]
    Memory(#[source] DataFusionError),
    /// Table data that should be readable is not.
    #[error("the data of a table cannot be read")]
    Storage(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A fault of ours.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Marks an error raised below the barrier, on data that the caller may not see: its text must
/// never reach the caller.
#[derive(Debug, thiserror::Error)]
#[error("scan below the policy barrier failed")]
pub(super) struct BelowBarrier(#[source] pub(super) DataFusionError);

impl EngineError {
    /// A data file that the log names is not in the store.
    pub fn is_missing_file(&self) -> bool {
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(current) = next {
            if matches!(current.downcast_ref(), Some(object_store::Error::NotFound { .. })) {
                return true;
            }
            next = current.source();
        }
        false
    }

    /// Reads an error of planning: the caller's text is at fault unless the kind says otherwise.
    pub(crate) fn planning(error: DataFusionError) -> Self {
        Self::classify(error, true)
    }

    /// Reads an error of execution: evaluation on visible data unless the kind says otherwise.
    pub(crate) fn execution(error: DataFusionError) -> Self {
        Self::classify(error, false)
    }

    fn callers(in_planning: bool, message: String) -> Self {
        if in_planning { Self::InvalidExpression(Complaint::new(message)) } else { Self::Evaluation(message) }
    }

    /// Whatever fails above the barrier fails on the caller's own expression: only storage (of
    /// spilled rows), memory and lost threads are not the caller's doing.
    fn classify(error: DataFusionError, in_planning: bool) -> Self {
        if is_below_barrier(&error) {
            return Self::Storage(Box::new(error));
        }
        let ordinary = |message: String| Self::callers(in_planning, message);
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => Self::Memory(error),
            DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
                SchemaError::FieldNotFound { field, .. } => {
                    Self::UnknownColumn(Complaint::new(format!("column \"{}\" not found", field.name)))
                }
                SchemaError::AmbiguousReference { field } => {
                    ordinary(format!("column \"{}\" is ambiguous; name its table", field.name))
                }
                SchemaError::DuplicateQualifiedField { name, .. }
                | SchemaError::DuplicateUnqualifiedField { name } => {
                    ordinary(format!("two columns are named \"{name}\"; give one an alias"))
                }
            },
            DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
                ArrowError::DivideByZero => ordinary("division by zero".to_owned()),
                ArrowError::ArithmeticOverflow(m) => ordinary(wording::overflow(m)),
                ArrowError::CastError(m)
                | ArrowError::ComputeError(m)
                | ArrowError::ParseError(m)
                | ArrowError::InvalidArgumentError(m)
                | ArrowError::NotYetImplemented(m) => ordinary(plain(m)),
                ArrowError::IoError(_, fault) if is_spill_area_full(fault) => Self::Memory(error),
                ArrowError::IoError(..) => Self::Internal(Box::new(error)),
                ArrowError::MemoryError(_) => Self::Memory(error),
                _ => Self::unexplained(error, in_planning),
            },
            // What the engine's physical planner lacks is named by a dump of the plan's node.
            DataFusionError::NotImplemented(m) if m.starts_with("Physical plan does not support") => {
                Self::Unsupported(
                    Complaint::new("a subquery depends on its outer query in a way that cannot be run")
                        .with_hint(Some("write it as a join".to_owned())),
                )
            }
            DataFusionError::Plan(m) | DataFusionError::Execution(m)
                if wording::missing_field(m).is_some() =>
            {
                let field = wording::missing_field(m).unwrap_or_default();
                Self::UnknownColumn(Complaint::new(format!("column \"{field}\" not found")))
            }
            DataFusionError::Plan(m)
            | DataFusionError::Execution(m)
            | DataFusionError::Configuration(m)
            | DataFusionError::NotImplemented(m) => ordinary(plain(m)),
            DataFusionError::SQL(parser, _) => ordinary(plain(&parser.to_string())),
            DataFusionError::IoError(_)
            | DataFusionError::ObjectStore(_)
            | DataFusionError::ParquetError(_)
            | DataFusionError::ExecutionJoin(_) => Self::Internal(Box::new(error)),
            _ => Self::unexplained(error, in_planning),
        }
    }

    /// The engine's own context is written for people; what it wraps may not be.
    fn unexplained(error: DataFusionError, in_planning: bool) -> Self {
        let message = match &error {
            // One word is the name of a step of the engine's.
            DataFusionError::Context(context, _) if context.contains(' ') => plain(context),
            _ => "the expression cannot be evaluated".to_owned(),
        };
        Self::Unexplained { in_planning, message, source: Box::new(error) }
    }
}

/// The engine's own bound on the spill area is no fault of the system; a full disk is.
fn is_spill_area_full(fault: &std::io::Error) -> bool {
    fault.raw_os_error().is_none() || fault.kind() == std::io::ErrorKind::StorageFull
}

fn is_below_barrier(error: &DataFusionError) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = next {
        if current.is::<BelowBarrier>() {
            return true;
        }
        if let Some(DataFusionError::Shared(inner)) = current.downcast_ref::<DataFusionError>()
            && is_below_barrier(inner)
        {
            return true;
        }
        if let Some(DataFusionError::External(inner)) = current.downcast_ref::<DataFusionError>()
            && inner.is::<BelowBarrier>()
        {
            return true;
        }
        next = current.source();
    }
    false
}
