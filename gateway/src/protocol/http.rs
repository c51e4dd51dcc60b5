//! What the doors over HTTP share: owns what stands around the routes of all of them, the frame, CORS and the answers
//! where there is no route, and keeps in files of their own what they read and write alike. Does not know the doors.
//!
//! The order of the layers and its reasons are in `docs/layers.md`.

pub mod body;
mod cors;
pub mod frame;
pub mod json_body;
pub mod media;
pub mod problem;
pub mod table_version;
pub mod target;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;

use self::frame::Frame;
use self::problem::Problem;
use crate::query::error::{ErrorCode, QueryError};

/// The routes of the doors as one service. `allowed_origins` are the origins whose pages may call.
pub fn framed(routes: Router, frame: Frame, allowed_origins: &[String]) -> Router {
    let routes = routes.fallback(no_such_path).method_not_allowed_fallback(no_such_method);
    let routes = match cors::layer(allowed_origins) {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    routes.layer(from_fn_with_state(Arc::new(frame), frame::frame))
}

async fn no_such_path() -> Problem {
    QueryError::new(ErrorCode::NotFound, "no such path").into()
}

async fn no_such_method() -> Problem {
    QueryError::new(ErrorCode::MethodNotAllowed, "this path does not take this method")
        .with_hint("the \"Allow\" header lists the methods that it takes")
        .into()
}
