//! `GET /healthz` and `GET /readyz`: whether the process lives, and whether it should be sent traffic.
//! Neither takes a token; neither names a table. Owns their forms; does not judge readiness.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::RestDoor;
use crate::protocol::readiness::ReadinessStatus;

/// The process answers; nothing else is implied.
pub(super) async fn live() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

/// 200 while traffic is welcome (also when degraded), else 503.
pub(super) async fn ready(State(door): State<Arc<RestDoor>>) -> Response {
    let report = door.readiness.borrow().clone();
    let status = match report.status {
        ReadinessStatus::Ready | ReadinessStatus::Degraded => StatusCode::OK,
        ReadinessStatus::NotReady => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(report)).into_response()
}
