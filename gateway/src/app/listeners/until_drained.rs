//! Connections on which no HTTP has begun, a silent one or one amid its TLS handshake: owns closing
//! them when the drain begins. HTTP's own connections know how to end themselves.

use std::io;

use axum_server::accept::Accept;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// Gives up on what `inner` is still accepting.
#[derive(Debug, Clone)]
pub(super) struct UntilDrained<A> {
    pub(super) inner: A,
    pub(super) draining: CancellationToken,
}

impl<A, S> Accept<TcpStream, S> for UntilDrained<A>
where
    A: Accept<TcpStream, S>,
    A::Future: Send + 'static,
{
    type Stream = A::Stream;
    type Service = A::Service;
    type Future = BoxFuture<'static, io::Result<(A::Stream, A::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let accepting = self.inner.accept(stream, service);
        let draining = self.draining.clone();
        async move {
            let accepted = draining.run_until_cancelled_owned(accepting).await;
            accepted.unwrap_or_else(|| Err(io::ErrorKind::Interrupted.into()))
        }
        .boxed()
    }
}
