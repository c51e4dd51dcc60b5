//! Server-sent events as a reader meets them: owns telling them apart as they come. Does not know what they say.

use std::time::Duration;

use serde_json::Value;

/// Longer than anything takes that comes at all.
const GIVE_UP: Duration = Duration::from_secs(60);

/// A stream of events that is being read.
#[derive(Debug)]
pub struct Events {
    response: reqwest::Response,
    unread: String,
}

/// What a stream says next.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A comment, which only keeps the connection open.
    Alive,
    /// An event with its data.
    Next(Value),
    /// The last event.
    Complete,
}

impl Events {
    pub(crate) const fn of(response: reqwest::Response) -> Self {
        Self { response, unread: String::new() }
    }

    /// A header field as text; empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// What comes next, comments too; nothing once the stream has ended or was cut.
    ///
    /// # Panics
    ///
    /// When nothing comes for a minute, or what comes is no event of the protocol.
    pub async fn any(&mut self) -> Option<Event> {
        loop {
            if let Some((message, rest)) = self.unread.split_once("\n\n") {
                let (message, rest) = (message.to_owned(), rest.to_owned());
                self.unread = rest;
                return Some(event(&message));
            }
            let chunk = tokio::time::timeout(GIVE_UP, self.response.chunk()).await.expect("it goes on");
            let chunk = chunk.ok().flatten()?;
            self.unread.push_str(std::str::from_utf8(&chunk).expect("whole characters"));
        }
    }

    /// The next event.
    ///
    /// # Panics
    ///
    /// As [`Events::any`].
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            match self.any().await {
                Some(Event::Alive) => {}
                other => return other,
            }
        }
    }

    /// The data of the next event.
    ///
    /// # Panics
    ///
    /// When there is none, and as [`Events::any`].
    pub async fn data(&mut self) -> Value {
        match self.next().await {
            Some(Event::Next(data)) => data,
            other => panic!("no data, but {other:?}"),
        }
    }
}

fn event(message: &str) -> Event {
    let lines: Vec<&str> = message.lines().collect();
    match lines[..] {
        [":"] => Event::Alive,
        ["event: next", data] => {
            let data = data.strip_prefix("data: ").expect("data");
            Event::Next(serde_json::from_str(data).expect("JSON on one line"))
        }
        ["event: complete", "data: "] => Event::Complete,
        _ => panic!("no event: {message:?}"),
    }
}
