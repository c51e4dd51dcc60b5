//! A caller of the gRPC door: owns sending and what a refusal says. Does not judge the answer.

pub mod questions;
pub mod rows;
pub mod stream;
pub mod wire;

use std::collections::HashMap;
use std::net::SocketAddr;

use sluice_proto::v1::catalog_client::CatalogClient;
use sluice_proto::v1::query_client::QueryClient;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_types::StatusExt;

/// Somebody with (or without) a token.
#[derive(Debug, Clone)]
pub struct GrpcCaller {
    addr: SocketAddr,
    channel: Channel,
    metadata: Vec<(AsciiMetadataKey, AsciiMetadataValue)>,
}

impl GrpcCaller {
    /// A caller of the gateway at `addr`; connects with the first call.
    pub fn new(addr: SocketAddr, token: Option<String>) -> Self {
        let channel = Endpoint::from_shared(format!("http://{addr}")).expect("an address").connect_lazy();
        let caller = Self { addr, channel, metadata: Vec::new() };
        match token {
            Some(token) => caller.metadata("authorization", &format!("Bearer {token}")),
            None => caller,
        }
    }

    /// The same caller, sending one more piece of metadata.
    ///
    /// # Panics
    ///
    /// When it cannot be sent.
    #[must_use]
    pub fn metadata(mut self, name: &str, value: &str) -> Self {
        let name = AsciiMetadataKey::from_bytes(name.as_bytes()).expect("a name");
        self.metadata.push((name, value.parse().expect("a value")));
        self
    }

    /// The message as this caller sends it.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        for (name, value) in &self.metadata {
            request.metadata_mut().append(name.clone(), value.clone());
        }
        request
    }

    /// Its connection.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Questions, with answers of any length.
    pub fn query(&self) -> QueryClient<Channel> {
        QueryClient::new(self.channel()).max_decoding_message_size(usize::MAX)
    }

    /// The catalog.
    pub fn catalog(&self) -> CatalogClient<Channel> {
        CatalogClient::new(self.channel())
    }
}

/// The facts that a refusal carries: `code`, `request_id`, and `hint`, `line`, `column` where there are such.
///
/// # Panics
///
/// When it carries none.
pub fn facts(status: &Status) -> HashMap<String, String> {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!(info.domain, "sluice");
    assert_eq!(info.reason, info.metadata["code"].to_uppercase());
    info.metadata.clone()
}

/// The stable code of a refusal.
pub fn code(status: &Status) -> String {
    facts(status)["code"].clone()
}
