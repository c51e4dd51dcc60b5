//! gRPC over a bare HTTP/2 connection: owns sending what no client would make, and waiting for answers longer than
//! one would. Does not know what messages mean.

use bytes::{BufMut, Bytes, BytesMut};
use h2::RecvStream;
use tokio::net::TcpStream;
use tonic::codegen::http::{HeaderMap, Request};
use tonic::{Code, Status};

use super::GrpcCaller;

/// Compressed or not, and the length.
const PREFIX_BYTES: usize = 5;

impl GrpcCaller {
    /// Sends `message` as it stands to a method such as `/sluice.v1.Query/Rows`; gives the answer's bytes.
    ///
    /// # Errors
    ///
    /// The refusal.
    ///
    /// # Panics
    ///
    /// When no answer comes at all.
    pub async fn send_bytes(&self, method: &str, message: &[u8]) -> Result<Bytes, Status> {
        let stream = TcpStream::connect(self.addr).await.expect("connect to the gateway");
        let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        let driver = tokio::spawn(connection);
        let mut client = client.ready().await.expect("HTTP/2");
        let mut request = Request::post(format!("http://{}{method}", self.addr))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in &self.metadata {
            request = request.header(name.as_str(), value.as_bytes());
        }
        let request = request.body(()).expect("a request");
        let (answer, mut out) = client.send_request(request, false).expect("a request is sent");
        // A refusal may be there, and the stream closed, before the message is on its way.
        let _ = out.send_data(framed(message), true);
        let answer = answer.await.expect("an answer");
        refused(answer.headers())?;
        let (mut body, read) = whole(answer.into_body()).await;
        refused(&body.trailers().await.expect("an end").expect("trailers"))?;
        driver.abort();
        Ok(read.slice(PREFIX_BYTES..))
    }
}

fn framed(message: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    out.put_u8(0);
    out.put_u32(u32::try_from(message.len()).expect("a message of less than 4 GiB"));
    out.put_slice(message);
    out.freeze()
}

async fn whole(mut body: RecvStream) -> (RecvStream, Bytes) {
    let mut read = BytesMut::new();
    while let Some(piece) = body.data().await {
        let piece = piece.expect("a piece of the answer");
        body.flow_control().release_capacity(piece.len()).expect("room for more");
        read.put(piece);
    }
    (body, read.freeze())
}

fn refused(headers: &HeaderMap) -> Result<(), Status> {
    match Status::from_header_map(headers) {
        Some(status) if status.code() != Code::Ok => Err(status),
        _ => Ok(()),
    }
}
