//! A caller of the REST door: owns sending and what came back. Does not judge the answer.

use std::net::SocketAddr;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::events::Events;

/// Somebody with (or without) a token.
#[derive(Debug, Clone)]
pub struct Caller {
    http: reqwest::Client,
    addr: SocketAddr,
    token: Option<String>,
    headers: Vec<(String, String)>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Header fields.
    pub headers: HeaderMap,
    /// Body as it came.
    pub body: Vec<u8>,
}

impl Caller {
    /// A caller of the gateway at `addr`.
    pub fn new(http: reqwest::Client, addr: SocketAddr, token: Option<String>) -> Self {
        Self { http, addr, token, headers: Vec::new() }
    }

    /// The same caller, sending one more header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// `GET` of a path with its query string as it stands.
    pub async fn get(&self, target: &str) -> Answer {
        self.send(Method::GET, target, None).await
    }

    /// `GET` of a path with parameters that are encoded here.
    pub async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        let request = self.http.request(Method::GET, self.url(path)).query(parameters);
        self.finish(request).await
    }

    /// `POST` of a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(("application/json", body.to_string().into_bytes()))).await
    }

    /// One SQL statement without parameters.
    pub async fn sql(&self, text: &str) -> Answer {
        self.post("/v1/sql", &json!({ "sql": text })).await
    }

    /// Any method and body.
    ///
    /// # Panics
    ///
    /// When no answer comes at all.
    pub async fn send(&self, method: Method, target: &str, body: Option<(&str, Vec<u8>)>) -> Answer {
        let mut request = self.http.request(method, self.url(target));
        if let Some((media_type, bytes)) = body {
            request = request.header("content-type", media_type).body(bytes);
        }
        self.finish(request).await
    }

    /// `POST` of a JSON body that is answered by events.
    ///
    /// # Panics
    ///
    /// When it is not.
    pub async fn events(&self, path: &str, body: &Value) -> Events {
        let request = self.http.post(self.url(path)).header("accept", "text/event-stream").json(body);
        self.events_in(request).await
    }

    /// A request without a body that is answered by events.
    ///
    /// # Panics
    ///
    /// When it is not.
    pub async fn events_of(&self, method: Method, target: &str) -> Events {
        self.events_in(self.http.request(method, self.url(target))).await
    }

    async fn events_in(&self, request: reqwest::RequestBuilder) -> Events {
        let response = self.sent(request).await;
        let kind = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        assert_eq!((response.status().as_u16(), kind), (200, Some("text/event-stream")));
        Events::of(response)
    }

    async fn sent(&self, mut request: reqwest::RequestBuilder) -> reqwest::Response {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.send().await.expect("an answer from the gateway")
    }

    async fn finish(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = self.sent(request).await;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.bytes().await.expect("a whole body").to_vec();
        Answer { status, headers, body }
    }

    fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.addr)
    }

    /// Every row from here to the last page, following `next_cursor`. Parameters as in `ask`.
    ///
    /// # Panics
    ///
    /// When a page is refused, or there are more than 10,000 pages.
    pub async fn walk(&self, table: &str, parameters: &[(&str, &str)]) -> Vec<Value> {
        let path = format!("/v1/tables/{table}/rows");
        let mut rows: Vec<Value> = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..10_000 {
            let mut asked: Vec<(&str, &str)> = parameters.to_vec();
            if let Some(cursor) = &cursor {
                asked.push(("cursor", cursor));
            }
            let page = self.ask(&path, &asked).await.expect_status(200).json();
            rows.extend(page["data"].as_array().expect("data is an array").iter().cloned());
            match page["page"]["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return rows,
            }
        }
        panic!("paging through \"{table}\" does not end");
    }
}

impl Answer {
    /// The answer, when it has this status.
    ///
    /// # Panics
    ///
    /// When it has another; says the body.
    #[must_use]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "unexpected status; body: {}", self.text());
        self
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    /// The object that a call on one thing answers: a description, a row.
    ///
    /// # Panics
    ///
    /// When it is no such answer.
    pub fn object(&self) -> Value {
        match &self.json()["data"] {
            Value::Object(members) => Value::Object(members.clone()),
            _ => panic!("no object: {}", self.text()),
        }
    }

    /// The rows of the answer.
    ///
    /// # Panics
    ///
    /// When it is no answer with rows.
    pub fn data(&self) -> Vec<Value> {
        match &self.json()["data"] {
            Value::Array(rows) => rows.clone(),
            _ => panic!("no data: {}", self.text()),
        }
    }

    /// The stable code of a problem document, else an empty string.
    pub fn code(&self) -> String {
        let parsed: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        parsed["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A header field as text; empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Sends bytes as they stand and reads until the gateway closes; for requests that no client makes.
///
/// # Panics
///
/// When the gateway cannot be reached.
pub async fn raw(addr: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr).await.expect("connect to the gateway");
    // The gateway may answer and close before it has read everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}
