//! Opening a socket: owns what is asked of the request for one: the protocol, whose page asks, and credentials, where it
//! has any. Does not speak the protocol.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, UPGRADE};
use axum::http::{HeaderMap, request};
use axum::response::Response;

use super::Socket;
use super::wire::Wire;
use crate::protocol::auth::credentials_of;
use crate::protocol::connection::RequestInFlight;
use crate::protocol::entry::{EntryError, enter};
use crate::protocol::graphql::GraphqlDoor;
use crate::protocol::graphql::answer::refusal;
use crate::protocol::graphql::media::Form;
use crate::protocol::http::target::Params;
use crate::protocol::request_context::RequestContext;
use crate::query::error::{ErrorCode, QueryError};

const PROTOCOL: &str = "graphql-transport-ws";

/// Whether a request asks for a socket.
pub(in crate::protocol::graphql) fn is_asked_for(headers: &HeaderMap) -> bool {
    let mut protocols = headers.get_all(UPGRADE).iter();
    protocols.any(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Opens a socket, or says why not.
pub(in crate::protocol::graphql) async fn open(
    door: &Arc<GraphqlDoor>,
    head: &mut request::Parts,
) -> Response {
    let context = RequestContext::framed(&head.extensions);
    let request_id = context.request_id.clone();
    let refused = |error: QueryError, challenge| refusal(error.into(), Form::Json, &request_id, challenge);
    let upgrade = match checked(door, head).await {
        Ok(upgrade) => upgrade,
        Err(error) => return refused(error, None),
    };
    if head.headers.contains_key(AUTHORIZATION) {
        // Whoever is refused for it is told in the way of HTTP.
        match enter(&door.authenticator, &door.service, &head.headers, &head.extensions) {
            Ok(_counted) => {}
            Err(EntryError::Auth(error)) => return refused(error.into(), error.challenge()),
            Err(EntryError::Rate(error)) => return refused(error, None),
        }
    }
    let (door, credentials) = (Arc::clone(door), credentials_of(&head.headers));
    let in_flight = head.extensions.get::<RequestInFlight>().cloned();
    let send_wait = Duration::from_millis(door.config.send_wait_ms_max);
    upgrade.on_upgrade(move |socket| {
        let wire = Wire::new(socket, in_flight, send_wait);
        Socket { door, context, wire, credentials }.run()
    })
}

/// What is refused before anybody is asked who they are.
async fn checked(door: &GraphqlDoor, head: &mut request::Parts) -> Result<WebSocketUpgrade, QueryError> {
    Params::parse(&head.uri, &[])?;
    // Pages send it whether they want or not, and no other rule of browsers holds for sockets.
    if !is_welcome(&head.headers, &door.allowed_origins) {
        let message = "pages of this origin may not connect";
        let hint = "\"server.cors.allowed_origins\" lists those that may, besides the server's own";
        return Err(QueryError::new(ErrorCode::Forbidden, message).with_hint(hint));
    }
    let invalid = |message: &str| QueryError::new(ErrorCode::InvalidRequest, message);
    let upgrade = WebSocketUpgrade::from_request_parts(head, &()).await;
    let upgrade = upgrade.map_err(|_| invalid("the request does not open a WebSocket of version 13"))?;
    let upgrade = upgrade.protocols([PROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        let hint = format!("offer \"{PROTOCOL}\" in \"Sec-WebSocket-Protocol\"");
        return Err(invalid("no subprotocol is offered that is spoken here").with_hint(hint));
    }
    let bytes_max = door.config.socket_message_bytes_max;
    Ok(upgrade.max_message_size(bytes_max).max_frame_size(bytes_max).read_buffer_size(READ_BYTES))
}

/// Room for what is read at once: there may be many sockets, and their messages are short.
const READ_BYTES: usize = 8 * 1024;

/// Whether the page that asks, where one does, is the server's own or one of those that may call.
fn is_welcome(headers: &HeaderMap, allowed_origins: &[String]) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter();
    let origin = match (origins.next(), origins.next()) {
        (None, _) => return true,
        (Some(only), None) => only.to_str().ok(),
        (Some(_), Some(_)) => None,
    };
    let Some(origin) = origin else { return false };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let own = origin.split_once("://").zip(host);
    allowed_origins.iter().any(|allowed| allowed == origin)
        || own.is_some_and(|((_, authority), host)| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn pages_are_welcome_where_they_are_the_servers_own_or_allowed() {
        let allowed = ["https://app.example".to_owned()];
        let welcome = |origins: &[&str]| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "lake.example:8080".parse().unwrap());
            for origin in origins {
                headers.append(ORIGIN, origin.parse().unwrap());
            }
            is_welcome(&headers, &allowed)
        };
        for origins in
            [&[][..], &["https://app.example"], &["http://lake.example:8080"], &["https://Lake.example:8080"]]
        {
            assert!(welcome(origins), "{origins:?}");
        }
        for origins in [
            &["null"][..],
            &["https://evil.example"],
            &["https://app.example.evil"],
            &["https://app.example:8443"],
            &["http://lake.example"],
            &["lake.example:8080"],
            &["https://app.example", "https://app.example"],
            &["https://evil.example", "http://lake.example:8080"],
        ] {
            assert!(!welcome(origins), "{origins:?}");
        }
    }
}
