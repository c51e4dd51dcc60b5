//! The way in for a connection: owns the wait for a first byte, the closing of silent ones and of those that
//! make room, and noticing that a peer is slow to read. Does not read what they say.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::accept::Accept;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tower_http::add_extension::AddExtension;

use super::in_flight::{Flight, InFlight};
use super::places::{Place, Places};
use crate::config::serving::ServerConfig;
use crate::protocol::connection::{Connection, Patience};

/// Lets connections in.
#[derive(Debug, Clone)]
pub(super) struct ConnectionGate {
    places: Places,
    in_flight: InFlight,
    first_byte: Duration,
    idle: Duration,
}

impl ConnectionGate {
    pub(super) fn new(server: &ServerConfig, places: Places, in_flight: InFlight) -> Self {
        Self {
            in_flight,
            places,
            first_byte: Duration::from_millis(server.header_read_timeout_ms),
            idle: Duration::from_millis(server.connection_idle_ms_max),
        }
    }

    async fn admit(self, tcp: TcpStream) -> io::Result<GatedStream> {
        let place = self.places.take().await?;
        tcp.set_nodelay(true)?;
        let mut byte = [0_u8; 1];
        // Which HTTP it is shows in its first bytes, and nothing else bounds the wait for them.
        let first_byte = tokio::time::timeout(self.first_byte, tcp.peek(&mut byte));
        tokio::select! {
            () = place.connection.left() => return Err(making_room()),
            read = first_byte => read??,
        };
        let mut stream = TimeoutStream::new(tcp);
        stream.set_read_timeout(Some(self.idle));
        stream.set_write_timeout(Some(self.idle));
        Ok(GatedStream {
            stream: Box::pin(stream),
            idle: self.idle,
            byte_at: Instant::now(),
            in_flight: self.in_flight,
            unwritten: None,
            left: Box::pin(place.connection.left()),
            place,
        })
    }
}

/// For how long connections keep their places.
pub(super) const fn patience(server: &ServerConfig) -> Patience {
    Patience {
        first_request: Duration::from_millis(server.header_read_timeout_ms),
        request: Duration::from_millis(server.connection_idle_ms_max),
    }
}

fn making_room() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the connection makes room for another")
}

/// Nothing was read for a while. The system's own faults have a number.
fn is_silence(fault: &io::Error) -> bool {
    fault.kind() == io::ErrorKind::TimedOut && fault.raw_os_error().is_none()
}

impl<S: Send + 'static> Accept<TcpStream, S> for ConnectionGate {
    type Stream = GatedStream;
    type Service = AddExtension<S, Connection>;
    type Future = BoxFuture<'static, io::Result<(GatedStream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let admitted = self.clone().admit(stream);
        async move {
            let stream = admitted.await?;
            let connection = stream.place.connection.clone();
            Ok((stream, AddExtension::new(service, connection)))
        }
        .boxed()
    }
}

/// A connection that was let in; its place is free again when it is dropped.
#[derive(Debug)]
pub(super) struct GatedStream {
    stream: Pin<Box<TimeoutStream<TcpStream>>>,
    idle: Duration,
    /// When a byte last went in either direction.
    byte_at: Instant,
    in_flight: InFlight,
    /// Held while the peer does not take what there is to write: part of an answer may be in
    /// buffers above, which no request holds any more.
    unwritten: Option<Flight>,
    left: Pin<Box<WaitForCancellationFutureOwned>>,
    place: Place,
}

impl GatedStream {
    /// Fails once the connection is to make room, and wakes it up for that.
    fn check_place(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.left.poll_unpin(cx).is_ready() { Err(making_room()) } else { Ok(()) }
    }

    /// For how long it may still be silent; `None` once it was for too long.
    fn silence_left(&self) -> Option<Duration> {
        self.idle.checked_sub(self.byte_at.elapsed()).filter(|left| !left.is_zero())
    }

    fn wrote(&mut self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(polled, Poll::Ready(Ok(bytes)) if bytes > 0) {
            self.byte_at = Instant::now();
        }
        if polled.is_ready() {
            if self.unwritten.take().is_some() {
                self.place.connection.set_unwritten(false);
            }
        } else if self.unwritten.is_none() {
            self.unwritten = Some(self.in_flight.one());
            self.place.connection.set_unwritten(true);
        }
        polled
    }
}

impl AsyncRead for GatedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_place(cx)?;
        loop {
            let polled = self.stream.as_mut().poll_read(cx, buf);
            match &polled {
                Poll::Ready(Ok(())) => self.byte_at = Instant::now(),
                Poll::Ready(Err(fault)) if is_silence(fault) => {
                    // While an answer is written, nothing else may come from its reader.
                    if let Some(left) = self.silence_left() {
                        self.stream.as_mut().set_read_timeout_pinned(Some(left));
                        continue;
                    }
                }
                Poll::Ready(Err(_)) | Poll::Pending => {}
            }
            return polled;
        }
    }
}

impl AsyncWrite for GatedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check_place(cx)?;
        let polled = self.stream.as_mut().poll_write(cx, buf);
        self.wrote(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_place(cx)?;
        let polled = self.stream.as_mut().poll_write_vectored(cx, bufs);
        self.wrote(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
