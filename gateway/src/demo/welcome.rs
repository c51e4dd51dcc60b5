//! What the demo prints once it listens: owns the roles' introductions and the lines to paste.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use super::DemoError;
use super::tokens::{token_directory, token_file};
use crate::config::graphql::GraphqlConfig;

/// Roles, tokens and a handful of curl lines for the gateway at `http_addr`, whose demo lives
/// under `data_dir` and which answers gRPC at `grpc_addr`, and GraphQL as `graphql` says.
///
/// # Errors
/// When a token that was minted for it cannot be read.
pub fn welcome(
    http_addr: SocketAddr,
    grpc_addr: Option<SocketAddr>,
    graphql: &GraphqlConfig,
    data_dir: &Path,
) -> Result<String, DemoError> {
    let token = |role: &str| {
        let file = token_file(data_dir, role);
        fs::read_to_string(&file).map_err(DemoError::io(&file))
    };
    let url = format!("http://{http_addr}");
    let grpc = match grpc_addr {
        Some(addr) => format!("\nand for gRPC on {addr} (plain text; server reflection names its services)"),
        None => String::new(),
    };
    let bearer = |role: &str| {
        format!("-H \"Authorization: Bearer $(cat {})\"", shell_word(&token_file(data_dir, role)))
    };
    let (admin, analyst, partner) = (bearer("admin"), bearer("analyst"), bearer("partner"));
    let (page, document) = analysts(graphql, &url, &analyst);
    Ok(format!(
        r#"Sluice serves the demo lake on {url}{grpc}{page}

Roles and their tokens (valid for 7 days, minted at every start, also in {directory}):

  admin    everything in the clear, time travel
{admin_token}

  analyst  every row, people and planes masked
{analyst_token}

  partner  only flights of carriers UA and B6
{partner_token}

Paste any of these:

  # the tables that a role may see
  curl -s {analyst} {url}/v1/tables

  # long delays, the worst first; "next_cursor" in the answer is the way to page two
  curl -sG {analyst} {url}/v1/tables/flights/rows \
    -d order=-dep_delay,flight_id -d limit=3 -d select=flight_id,carrier,tailnum,dep_delay \
    --data-urlencode "filter=dep_delay > 60 AND origin = 'JFK'"

  # one row by key; the partner's token opens it only for its own carriers
  curl -s {partner} {url}/v1/tables/flights/rows/5

  # the same customer, masked and in the clear
  curl -s {analyst} {url}/v1/tables/customer/rows/1
  curl -s {admin} {url}/v1/tables/customer/rows/1

  # a grouped answer
  curl -s {partner} {url}/v1/tables/flights/aggregate -H 'Content-Type: application/json' \
    -d '{{"group_by":["carrier"],"measures":[{{"fn":"count","as":"n"}},{{"fn":"avg","column":"dep_delay","as":"delay"}}]}}'

  # SQL over the role's own tables: hashed tail numbers still join
  curl -s {analyst} {url}/v1/sql -H 'Content-Type: application/json' \
    -d '{{"sql":"select manufacturer, count(*) n from flights join planes using (tailnum) group by 1 order by n desc limit $1","params":[5]}}'

  # the table as it was before the last three months were added
  curl -sG {admin} {url}/v1/tables/flights/rows -d version=3 -d count=exact -d limit=1
{document}"#,
        directory = token_directory(data_dir).display(),
        admin_token = token("admin")?,
        analyst_token = token("analyst")?,
        partner_token = token("partner")?,
    ))
}

/// Where the page for browsers is, and a document to paste; each as far as it is served.
fn analysts(graphql: &GraphqlConfig, url: &str, analyst: &str) -> (String, String) {
    if !graphql.enabled {
        return (String::new(), String::new());
    }
    let page = match graphql.graphiql {
        true => format!(
            "\nand for GraphQL in a browser on {url}/graphql (paste a token into its tab \"Headers\")"
        ),
        false => String::new(),
    };
    let document = format!(
        r#"
  # GraphQL: late flights with their airlines and planes
  curl -sG {analyst} {url}/graphql \
    --data-urlencode 'query={{ flights(where: {{dep_delay: {{gt: 900}}}}) {{ nodes {{ dep_delay airline {{ name }} plane {{ seats }} }} }} }}'
"#
    );
    (page, document)
}

/// The path as one word of a shell command inside double quotes and a command substitution.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_directories_are_quoted_for_the_shell() {
        assert_eq!(shell_word(Path::new(".sluice/demo/tokens/a.jwt")), ".sluice/demo/tokens/a.jwt");
        assert_eq!(shell_word(Path::new("/my dir/it's")), r"'/my dir/it'\''s'");
    }
}
