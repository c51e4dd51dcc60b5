//! `GET /v1/tables/{table}/rows/{key}?select=&version=&as_of=`: one row by primary key. The parts
//! of a composite key are separated by commas, in the order of the declared key; a comma inside a
//! part is written `%2C`. A key that is an empty text leaves its segment empty: the path ends with the slash.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::answer::{Form, answer};
use super::call::Call;
use super::options::whole;
use super::path::raw_segment;
use super::{KEY_SEGMENT, RestDoor};
use crate::engine::statement::{Lookup, Statement};
use crate::protocol::http::problem::Problem;
use crate::protocol::http::target::decode;
use crate::protocol::names::parse_select;
use crate::protocol::versions::version_selector;

/// Answers one row.
pub(super) async fn row(State(door): State<Arc<RestDoor>>, request: Request) -> Result<Response, Problem> {
    let (call, _) = Call::open(&door, request)?;
    let params = call.params(&["select", "version", "as_of"])?;
    let version = version_selector(whole("version", params.get("version"))?, params.get("as_of"), "as_of")?;
    let parts = raw_segment(call.uri(), KEY_SEGMENT).split(',');
    let lookup = Lookup {
        table: call.table()?,
        columns: params.get("select").map(parse_select).transpose()?,
        key: parts.map(|part| decode(part, "the key")).collect::<Result<Vec<String>, _>>()?,
    };
    answer(&door, call, Statement::Lookup(lookup), version, Form::Row).await
}
