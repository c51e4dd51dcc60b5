//! `GET /metrics`: every figure as Prometheus text. Takes no token; no label names a table, a
//! subject or a role.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::RestDoor;

const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Renders the figures.
pub(super) async fn render(State(door): State<Arc<RestDoor>>) -> Response {
    ([(CONTENT_TYPE, PROMETHEUS_TEXT)], door.metrics.render()).into_response()
}
