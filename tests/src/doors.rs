//! Every door for one caller, asked in words that all have in common: owns which doors there are, and the way from one
//! question to what each of them is asked and back. Does not judge answers.

mod graphql;
mod grpc;
mod outcome;
pub mod question;
mod rest;

use self::graphql::Graphql;
use self::grpc::Grpc;
pub use self::outcome::{Cursor, Door, Outcome};
use self::rest::Rest;
use crate::client::Caller;
use crate::gateway::Gateway;
use crate::grpc::GrpcCaller;

/// Every door, for one caller: a new door is one more here. The first is the one that others are held against.
pub fn doors(caller: Caller, grpc_caller: GrpcCaller) -> Vec<Box<dyn Door>> {
    vec![Box::new(Rest::new(caller.clone())), Box::new(Grpc(grpc_caller)), Box::new(Graphql::new(caller))]
}

/// Every door, for a token.
pub fn doors_for(gateway: &Gateway, token: &str) -> Vec<Box<dyn Door>> {
    doors(gateway.bearer(token), gateway.grpc(Some(token.to_owned())))
}
