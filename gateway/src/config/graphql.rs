//! Settings of the GraphQL door: owns what a document may cost before anything of it runs, the room for schemas, and
//! how many subscriptions there may be. Does not enforce.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ceilings::{self, exceeded};

/// How large documents and schemas may be. Fields are named with their unit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct GraphqlConfig {
    /// Whether the door is there at all.
    pub enabled: bool,
    /// Whether browsers get a page to ask from.
    pub graphiql: bool,
    /// Whether callers may ask for the schema that their role sees.
    pub introspection: bool,
    /// Whether callers may subscribe to what commits add to tables.
    pub subscriptions: bool,
    /// Longest document, in bytes.
    pub document_bytes_max: usize,
    /// Tokens of a document, in count; blanks and comments are tokens too.
    pub document_tokens_max: usize,
    /// Fields and spreads of an operation once its fragments are written out, in count.
    pub fields_max: usize,
    /// Aliases of a document, in count.
    pub aliases_max: usize,
    /// Directives of a document, in count.
    pub directives_max: usize,
    /// Levels of fields inside each other, in count.
    pub depth_max: usize,
    /// Root fields of an operation, in count.
    pub root_fields_max: usize,
    /// Rows of all pages of an operation, in count; groups that do not page count as the most that there may be.
    pub operation_rows_max: usize,
    /// Different rows of one table that the rows of a level may belong to, in count.
    pub relation_keys_max: usize,
    /// Statements of one operation that run at once, in count.
    pub statements_concurrent_max: usize,
    /// Operations of one request, in count.
    pub batch_operations_max: usize,
    /// Faults of one document that are told, in count.
    pub errors_max: usize,
    /// Whether documents that were sent once are known by their hash.
    pub persisted_queries: bool,
    /// Memory for such documents, in bytes.
    pub persisted_bytes_max: u64,
    /// List of the only documents that run; any runs where there is none.
    pub allow_list_file: Option<PathBuf>,
    /// Longest such file, in bytes.
    pub allow_list_bytes_max: usize,
    /// Documents in such a file, in count.
    pub allow_list_operations_max: usize,
    /// Largest schema that is made for a role, as text, in bytes.
    pub schema_bytes_max: usize,
    /// Memory for the schemas of all roles, in bytes.
    pub schemas_bytes_max: u64,
    /// WebSockets and event streams of subscriptions at once, in count.
    pub sockets_max: usize,
    /// Those of one subject, in count.
    pub subject_sockets_max: usize,
    /// Subscriptions at once, of all sockets and event streams, in count.
    pub subscriptions_max: usize,
    /// Those of one subject, in count.
    pub subject_subscriptions_max: usize,
    /// Operations of one WebSocket at once, in count.
    pub socket_subscriptions_max: usize,
    /// Longest message from a WebSocket, in bytes.
    pub socket_message_bytes_max: usize,
    /// Longest answer over a WebSocket, in bytes; each keeps room for its longest.
    pub socket_answer_bytes_max: usize,
    /// Longest wait for the first message of a WebSocket, in milliseconds.
    pub socket_init_wait_ms_max: u64,
    /// Time between two signs of life on a WebSocket or an event stream, in milliseconds.
    pub ping_interval_ms: u64,
    /// Longest wait for a reader to take an event, in milliseconds.
    pub send_wait_ms_max: u64,
}

const MIB: usize = 1024 * 1024;

impl Default for GraphqlConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            graphiql: true,
            introspection: true,
            subscriptions: true,
            document_bytes_max: 64 * 1024,
            document_tokens_max: 10_000,
            fields_max: 2_000,
            aliases_max: 100,
            directives_max: 50,
            depth_max: 12,
            root_fields_max: 20,
            operation_rows_max: 100_000,
            relation_keys_max: 10_000,
            statements_concurrent_max: 4,
            batch_operations_max: 10,
            errors_max: 20,
            persisted_queries: true,
            persisted_bytes_max: 16 * MIB as u64,
            allow_list_file: None,
            allow_list_bytes_max: 16 * MIB,
            allow_list_operations_max: 10_000,
            schema_bytes_max: 16 * MIB,
            schemas_bytes_max: 256 * MIB as u64,
            sockets_max: 1_024,
            subject_sockets_max: 16,
            subscriptions_max: 2_048,
            subject_subscriptions_max: 128,
            socket_subscriptions_max: 32,
            socket_message_bytes_max: 128 * 1024,
            socket_answer_bytes_max: 4 * MIB,
            socket_init_wait_ms_max: 10_000,
            ping_interval_ms: 20_000,
            send_wait_ms_max: 30_000,
        }
    }
}

impl GraphqlConfig {
    /// Every relation that does not hold, as the field to blame and the reason.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let zero = [
            ("document_bytes_max", self.document_bytes_max == 0),
            ("document_tokens_max", self.document_tokens_max == 0),
            ("fields_max", self.fields_max == 0),
            ("depth_max", self.depth_max == 0),
            ("root_fields_max", self.root_fields_max == 0),
            ("operation_rows_max", self.operation_rows_max == 0),
            ("relation_keys_max", self.relation_keys_max == 0),
            ("statements_concurrent_max", self.statements_concurrent_max == 0),
            ("batch_operations_max", self.batch_operations_max == 0),
            ("errors_max", self.errors_max == 0),
            ("allow_list_bytes_max", self.allow_list_bytes_max == 0),
            ("allow_list_operations_max", self.allow_list_operations_max == 0),
            ("schema_bytes_max", self.schema_bytes_max == 0),
            ("schemas_bytes_max", self.schemas_bytes_max == 0),
            ("sockets_max", self.sockets_max == 0),
            ("subject_sockets_max", self.subject_sockets_max == 0),
            ("subscriptions_max", self.subscriptions_max == 0),
            ("subject_subscriptions_max", self.subject_subscriptions_max == 0),
            ("socket_subscriptions_max", self.socket_subscriptions_max == 0),
            ("socket_message_bytes_max", self.socket_message_bytes_max == 0),
            ("socket_answer_bytes_max", self.socket_answer_bytes_max == 0),
            ("socket_init_wait_ms_max", self.socket_init_wait_ms_max == 0),
            ("ping_interval_ms", self.ping_interval_ms == 0),
            ("send_wait_ms_max", self.send_wait_ms_max == 0),
        ];
        let zero = zero.into_iter().filter(|(_, is_zero)| *is_zero);
        let mut found: Vec<_> = zero.map(|(field, _)| (field, "must be at least 1".to_owned())).collect();
        found.extend(exceeded([
            ("document_bytes_max", self.document_bytes_max as u64, DOCUMENT_BYTES_CEILING),
            ("document_tokens_max", self.document_tokens_max as u64, ceilings::COUNT),
            ("fields_max", self.fields_max as u64, ceilings::COUNT),
            ("aliases_max", self.aliases_max as u64, ceilings::COUNT),
            ("directives_max", self.directives_max as u64, ceilings::COUNT),
            ("depth_max", self.depth_max as u64, ceilings::COUNT),
            ("root_fields_max", self.root_fields_max as u64, ceilings::COUNT),
            ("operation_rows_max", self.operation_rows_max as u64, ceilings::COUNT),
            ("relation_keys_max", self.relation_keys_max as u64, ceilings::COUNT),
            ("statements_concurrent_max", self.statements_concurrent_max as u64, ceilings::COUNT),
            ("batch_operations_max", self.batch_operations_max as u64, ceilings::COUNT),
            ("errors_max", self.errors_max as u64, ceilings::COUNT),
            ("persisted_bytes_max", self.persisted_bytes_max, ceilings::BYTES),
            ("allow_list_bytes_max", self.allow_list_bytes_max as u64, ceilings::BYTES),
            ("allow_list_operations_max", self.allow_list_operations_max as u64, ceilings::COUNT),
            ("schema_bytes_max", self.schema_bytes_max as u64, SCHEMA_BYTES_CEILING),
            ("schemas_bytes_max", self.schemas_bytes_max, ceilings::BYTES),
            ("sockets_max", self.sockets_max as u64, ceilings::COUNT),
            ("subject_sockets_max", self.subject_sockets_max as u64, ceilings::COUNT),
            ("subscriptions_max", self.subscriptions_max as u64, ceilings::COUNT),
            ("subject_subscriptions_max", self.subject_subscriptions_max as u64, ceilings::COUNT),
            ("socket_subscriptions_max", self.socket_subscriptions_max as u64, ceilings::COUNT),
            ("socket_message_bytes_max", self.socket_message_bytes_max as u64, ceilings::BYTES),
            ("socket_answer_bytes_max", self.socket_answer_bytes_max as u64, ceilings::BYTES),
            ("socket_init_wait_ms_max", self.socket_init_wait_ms_max, ceilings::TIME_MS),
            ("ping_interval_ms", self.ping_interval_ms, ceilings::TIME_MS),
            ("send_wait_ms_max", self.send_wait_ms_max, ceilings::TIME_MS),
        ]));
        found
    }
}

/// Places in a document are numbers of 32 bits.
const DOCUMENT_BYTES_CEILING: u64 = 1 << 30;
/// So are places in a schema.
const SCHEMA_BYTES_CEILING: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_hold_every_relation() {
        assert_eq!(GraphqlConfig::default().problems(), vec![]);
    }

    #[test]
    fn a_limit_of_zero_that_would_refuse_everything_is_refused() {
        let zero = GraphqlConfig { fields_max: 0, aliases_max: 0, directives_max: 0, ..Default::default() };
        assert_eq!(zero.problems(), vec![("fields_max", "must be at least 1".to_owned())]);
    }

    #[test]
    fn places_fit_their_numbers() {
        let at =
            GraphqlConfig { document_bytes_max: 1 << 30, schema_bytes_max: 1 << 30, ..Default::default() };
        assert_eq!(at.problems(), vec![]);
        let over = GraphqlConfig { document_bytes_max: (1 << 30) + 1, ..at };
        assert_eq!(over.problems(), vec![("document_bytes_max", "must be at most 1073741824".to_owned())]);
    }
}
