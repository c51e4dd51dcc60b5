//! Cross-origin calls: owns what pages of other origins may send and read. Does not choose the origins.

use std::time::Duration;

use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use axum::http::{HeaderValue, Method};
use tower_http::cors::CorsLayer;

use crate::protocol::request_context::X_REQUEST_ID;

const MAX_AGE: Duration = Duration::from_secs(600);

/// The layer that lets these origins in; none when there are none.
pub(super) fn layer(allowed_origins: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> =
        allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    if origins.is_empty() {
        return None;
    }
    let ours = |name: &'static str| HeaderName::from_static(name);
    Some(
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::HEAD, Method::POST])
            .allow_headers([
                ACCEPT,
                AUTHORIZATION,
                CONTENT_TYPE,
                ours("sluice-role"),
                ours("sluice-json"),
                ours("traceparent"),
                X_REQUEST_ID,
            ])
            .expose_headers([X_REQUEST_ID, ours("sluice-cache"), RETRY_AFTER])
            .max_age(MAX_AGE),
    )
}
