//! A connection held by hand: owns sending parts of a request, reading answers at any pace, and
//! noticing that the gateway closed. For what no client library does.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than anything takes that comes at all.
const GIVE_UP: Duration = Duration::from_secs(60);

/// Most bytes that are taken at once.
const READ_BYTES: usize = 256 * 1024;

/// An open connection.
#[derive(Debug)]
pub struct Wire(TcpStream);

/// The head of an answer.
#[derive(Debug)]
pub struct Head {
    /// HTTP status.
    pub status: u16,
    /// Bytes of the body that follows.
    pub length: usize,
}

impl Wire {
    /// Connects.
    ///
    /// # Panics
    ///
    /// When the gateway cannot be reached.
    pub async fn open(addr: SocketAddr) -> Self {
        Self(TcpStream::connect(addr).await.expect("connect to the gateway"))
    }

    /// Sends bytes as they stand; false when the gateway has closed.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok()
    }

    /// The next bytes, at most this many; none when the gateway has closed.
    ///
    /// # Panics
    ///
    /// When nothing comes for a minute.
    pub async fn some(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; most.min(READ_BYTES)];
        let read = tokio::time::timeout(GIVE_UP, self.0.read(&mut bytes)).await.expect("something in time");
        // A connection that is reset is closed as well.
        bytes.truncate(read.unwrap_or(0));
        bytes
    }

    /// Exactly this many bytes, or fewer when the gateway closes.
    pub async fn exactly(&mut self, length: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = Vec::new();
        while bytes.len() < length {
            let more = self.some(length - bytes.len()).await;
            if more.is_empty() {
                break;
            }
            bytes.extend(more);
        }
        bytes
    }

    /// Everything until the gateway closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        self.exactly(usize::MAX >> 1).await
    }

    /// Reads the head of an answer with a known length.
    ///
    /// # Panics
    ///
    /// When no such answer comes.
    pub async fn head(&mut self) -> Head {
        let mut bytes: Vec<u8> = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let one = self.some(1).await;
            assert!(!one.is_empty(), "closed after {:?}", String::from_utf8_lossy(&bytes));
            bytes.extend(one);
        }
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        Head { status, length: length.expect("a length") }
    }

    /// Reads a whole answer: status and body.
    pub async fn answer(&mut self) -> (u16, String) {
        let Head { status, length } = self.head().await;
        (status, String::from_utf8_lossy(&self.exactly(length).await).into_owned())
    }
}

/// A `POST` with a JSON body, as HTTP/1.1 writes it.
pub fn post(path: &str, token: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}
