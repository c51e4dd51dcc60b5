//! The two ends of a socket: owns reading and writing messages of any kind, signs of life, how long is waited for the
//! other side, and the close. Does not know what messages say.

use std::fmt;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures::SinkExt;
use tokio::time::timeout;

use crate::protocol::connection::RequestInFlight;

/// Longest reason of a close, in bytes.
const REASON_BYTES_MAX: usize = 123;
const MALFORMED: u16 = 4400;
const MALFORMED_REASON: &str = "a message that is none of the protocol, or too long";
/// Time for the other side to take the close, and as much to close too.
const GOODBYE: Duration = Duration::from_secs(1);

/// How a socket ends.
#[derive(Debug)]
pub(super) enum Closing {
    /// The other side closes it, or is gone.
    ByPeer,
    /// It does not read, or gives no sign of life: there is nobody to tell.
    Silent,
    /// What came can't be read, for this reason: it is no WebSocket any more, or a message is too long.
    Unreadable(String),
    /// With a code, for a reason.
    For(u16, String),
}

/// For the log.
impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByPeer => write!(f, "by the other side"),
            Self::Silent => write!(f, "the other side takes nothing or gives no sign of life"),
            Self::Unreadable(cause) => write!(f, "what came can't be read: {cause}"),
            Self::For(code, reason) => write!(f, "{code}, {reason}"),
        }
    }
}

/// What goes on, unless the socket is to be closed.
pub(super) type Step<T> = Result<T, Closing>;

impl Closing {
    pub(super) fn of(code: u16, reason: &str) -> Self {
        Self::For(code, reason.to_owned())
    }

    pub(super) fn malformed() -> Self {
        Self::of(MALFORMED, MALFORMED_REASON)
    }
}

/// An open socket.
pub(super) struct Wire {
    socket: WebSocket,
    /// The request that opened it, which it stands for on its connection and at the drain.
    in_flight: Option<RequestInFlight>,
    send_wait: Duration,
    /// Something came since the last sign of life was asked for.
    heard: bool,
}

impl Wire {
    /// A socket that was just opened.
    pub(super) const fn new(
        socket: WebSocket,
        in_flight: Option<RequestInFlight>,
        send_wait: Duration,
    ) -> Self {
        Self { socket, in_flight, send_wait, heard: true }
    }

    /// It is known who asks, by a token or as anybody.
    pub(super) fn admitted(&self, by_token: bool) {
        if let Some(in_flight) = &self.in_flight {
            in_flight.admitted(by_token);
        }
    }

    /// The next text.
    pub(super) async fn receive(&mut self) -> Step<Utf8Bytes> {
        loop {
            let message = self.socket.recv().await.ok_or(Closing::ByPeer)?;
            let message = message.map_err(|error| Closing::Unreadable(error.to_string()))?;
            self.heard = true;
            self.progressed();
            match message {
                Message::Text(text) => return Ok(text),
                Message::Binary(_) => return Err(Closing::malformed()),
                Message::Close(_) => return Err(Closing::ByPeer),
                // The socket itself has answered, into a buffer that whoever only pings and never reads would fill.
                Message::Ping(_) => self.flush().await?,
                Message::Pong(_) => {}
            }
        }
    }

    pub(super) async fn send(&mut self, text: &'static str) -> Step<()> {
        self.send_message(Message::Text(Utf8Bytes::from_static(text))).await
    }

    pub(super) async fn send_bytes(&mut self, text: Vec<u8>) -> Step<()> {
        let text = Utf8Bytes::try_from(text).map_err(|_| Closing::of(1011, "an answer that is no text"))?;
        self.send_message(Message::Text(text)).await
    }

    /// Asks for the next sign of life, unless there was none since the last was asked for.
    pub(super) async fn ask_for_life(&mut self) -> Step<()> {
        if !std::mem::take(&mut self.heard) {
            return Err(Closing::Silent);
        }
        self.send_message(Message::Ping(bytes::Bytes::new())).await
    }

    async fn send_message(&mut self, message: Message) -> Step<()> {
        match timeout(self.send_wait, self.socket.send(message)).await {
            Ok(Ok(())) => {
                self.progressed();
                Ok(())
            }
            Ok(Err(_)) => Err(Closing::ByPeer),
            Err(_) => Err(Closing::Silent),
        }
    }

    async fn flush(&mut self) -> Step<()> {
        match timeout(self.send_wait, self.socket.flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Closing::ByPeer),
            Err(_) => Err(Closing::Silent),
        }
    }

    fn progressed(&self) {
        if let Some(in_flight) = &self.in_flight {
            in_flight.progressed();
        }
    }

    /// Whether the other side has taken it.
    async fn say(&mut self, code: u16, reason: &str) -> bool {
        let cut = reason.floor_char_boundary(REASON_BYTES_MAX);
        let frame = CloseFrame { code, reason: reason[..cut].into() };
        matches!(timeout(GOODBYE, self.socket.send(Message::Close(Some(frame)))).await, Ok(Ok(())))
    }

    /// Says why, and waits a little for the other side to have read it: what is cut off takes it along.
    pub(super) async fn close(mut self, closing: Closing) {
        let said = match closing {
            Closing::Silent => return,
            Closing::ByPeer => true,
            Closing::Unreadable(_) => self.say(MALFORMED, MALFORMED_REASON).await,
            Closing::For(code, reason) => self.say(code, &reason).await,
        };
        if said {
            let gone = async { while let Some(Ok(_)) = self.socket.recv().await {} };
            // One that does not say goodbye is not waited for.
            let _ = timeout(GOODBYE, gone).await;
        }
    }
}
