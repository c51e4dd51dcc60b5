//! The ways of reading a whole table: owns paging, SQL and counting, and telling a table that is
//! unavailable from a fault. Does not judge the rows.

use serde_json::Value;
use sluice_tests::client::{Answer, Caller};

/// Why a table was not read.
#[derive(Debug)]
pub(super) enum Failed {
    /// Refused as a table that cannot be read.
    Unavailable(String),
    /// Anything else: a fault of the gateway.
    Otherwise(String),
}

/// Every row, by pages of so many rows.
pub(super) async fn in_pages(admin: &Caller, table: &str, page_rows: u64) -> Result<Vec<Value>, Failed> {
    let path = format!("/v1/tables/{table}/rows");
    let limit = page_rows.to_string();
    let mut rows: Vec<Value> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut asked = vec![("limit", limit.as_str())];
        asked.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = answered(admin.ask(&path, &asked).await)?;
        rows.extend(page["data"].as_array().expect("data is an array").iter().cloned());
        match page["page"]["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(rows),
        }
    }
}

/// Every row, by one statement.
pub(super) async fn in_sql(admin: &Caller, table: &str) -> Result<Vec<Value>, Failed> {
    let answer = answered(admin.sql(&format!("select * from {table}")).await)?;
    Ok(answer["data"].as_array().expect("data is an array").clone())
}

/// The number of rows, as a page says it.
pub(super) async fn counted(admin: &Caller, table: &str) -> Result<u64, Failed> {
    let page = answered(admin.get(&format!("/v1/tables/{table}/rows?count=exact&limit=1")).await)?;
    Ok(page["page"]["total_rows"].as_u64().expect("a number of rows"))
}

/// The number of rows, as a statement finds it.
pub(super) async fn number_in_sql(admin: &Caller, table: &str) -> Result<u64, Failed> {
    let answer = answered(admin.sql(&format!("select count(*) as n from {table}")).await)?;
    let number = &answer["data"][0]["n"];
    Ok(number.as_u64().or_else(|| number.as_str()?.parse().ok()).expect("a number of rows"))
}

fn answered(answer: Answer) -> Result<Value, Failed> {
    match answer.status {
        200 => Ok(answer.json()),
        503 if answer.code() == "table_unavailable" => Err(Failed::Unavailable(answer.text())),
        status => Err(Failed::Otherwise(format!("{status} {}", answer.text()))),
    }
}
