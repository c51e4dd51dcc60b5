//! Concurrent HTTP/2 streams of one connection. Frames are written by hand: client libraries keep to
//! the limit by themselves.

use serde_json::json;
use sluice_tests::gateway::{Gateway, run};
use sluice_tests::wire::Wire;

use super::limited;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
const CONTINUATION: u8 = 9;
const CANCEL: u32 = 8;
const MAX_CONCURRENT_STREAMS: u16 = 3;
const REFUSED_STREAM: u32 = 7;

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

async fn next(wire: &mut Wire) -> Frame {
    let head = wire.exactly(9).await;
    assert_eq!(head.len(), 9, "the gateway closed");
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
    Frame { kind: head[3], flags: head[4], stream, payload: wire.exactly(length).await }
}

/// A literal without Huffman coding, in HPACK's form.
fn text(bytes: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    if length < 127 {
        bytes.push(u8::try_from(length).unwrap());
    } else {
        bytes.push(127);
        length -= 127;
        while length >= 128 {
            bytes.push(u8::try_from(length % 128).unwrap() | 0x80);
            length /= 128;
        }
        bytes.push(u8::try_from(length).unwrap());
    }
    bytes.extend(text.as_bytes());
}

/// Opens a stream with a `POST` whose body is still to come.
fn post(stream: u32, token: &str) -> Vec<u8> {
    // ":method: POST" and ":scheme: http" of the static table, then a literal ":path".
    let mut block = vec![0x83, 0x86, 0x04];
    text(&mut block, "/v1/sql");
    for (name, value) in
        [("authorization", format!("Bearer {token}").as_str()), ("content-type", "application/json")]
    {
        block.push(0);
        text(&mut block, name);
        text(&mut block, value);
    }
    frame(HEADERS, END_HEADERS, stream, &block)
}

#[test]
fn as_many_streams_as_the_limit_are_taken_and_one_more_is_refused() {
    run(async {
        let limits = json!({ "limits": { "connection_streams_max": 3 } });
        let gateway = limited("streams", limits).await;
        let token = gateway.token("admin", json!({}));
        let mut wire = Wire::open(gateway.addr()).await;
        assert!(wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await);
        assert!(wire.send(frame(SETTINGS, 0, 0, &[])).await);
        let settings = next(&mut wire).await;
        assert_eq!(settings.kind, SETTINGS);
        let told = settings.payload.chunks(6).find(|one| one[..2] == MAX_CONCURRENT_STREAMS.to_be_bytes());
        assert_eq!(told.unwrap()[2..], 3_u32.to_be_bytes());
        assert!(wire.send(frame(SETTINGS, ACK, 0, &[])).await);

        for stream in [1, 3, 5, 7] {
            assert!(wire.send(post(stream, &token)).await);
        }
        let refused = loop {
            let frame = next(&mut wire).await;
            if frame.kind == RST_STREAM {
                break frame;
            }
            assert_ne!(frame.kind, HEADERS, "stream {} was answered without its body", frame.stream);
        };
        assert_eq!((refused.stream, refused.payload), (7, REFUSED_STREAM.to_be_bytes().to_vec()));
        for stream in [1, 3, 5] {
            assert!(wire.send(frame(DATA, END_STREAM, stream, b"{\"sql\":\"select 1 as one\"}")).await);
        }
        let mut answered: Vec<u32> = Vec::new();
        while answered.len() < 3 {
            let frame = next(&mut wire).await;
            if frame.kind == DATA && frame.flags & END_STREAM != 0 {
                answered.push(frame.stream);
            }
        }
        answered.sort_unstable();
        assert_eq!(answered, [1, 3, 5]);
        gateway.shutdown().await;
    });
}

/// Pings keep a connection from being silent, and give it no right to its place.
#[test]
fn connections_that_only_ping_shut_out_nobody() {
    run(async {
        let gateway = limited("pings", json!({ "limits": { "connections_max": 2 } })).await;
        let mut pinging = Vec::new();
        for _ in 0..2 {
            pinging.push(open(&gateway).await);
        }
        for wire in &mut pinging {
            assert!(wire.send(frame(PING, 0, 0, &[7; 8])).await);
            while next(wire).await.kind != PING {}
        }
        let token = gateway.token("admin", json!({}));
        let mut caller = Wire::open(gateway.addr()).await;
        assert!(
            caller.send(sluice_tests::wire::post("/v1/sql", &token, "{\"sql\":\"select 1 as one\"}")).await
        );
        assert_eq!(caller.answer().await.0, 200);
        let _goodbye = pinging[0].rest().await;
        gateway.shutdown().await;
    });
}

/// A connection after both sides' first words.
async fn open(gateway: &Gateway) -> Wire {
    let mut wire = Wire::open(gateway.addr()).await;
    assert!(wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await);
    assert!(wire.send(frame(SETTINGS, 0, 0, &[])).await);
    assert_eq!(next(&mut wire).await.kind, SETTINGS);
    assert!(wire.send(frame(SETTINGS, ACK, 0, &[])).await);
    wire
}

/// Rapid reset (CVE-2023-44487): each stream costs its peer nothing.
#[test]
fn streams_that_are_reset_at_once_end_their_connection() {
    const STREAMS: u32 = 100_000;
    run(async {
        let gateway = limited("rapid-reset", json!({})).await;
        let mut wire = open(&gateway).await;
        let mut opened = 0;
        while opened < STREAMS {
            let stream = 2 * opened + 1;
            let both = [post(stream, "x"), frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())].concat();
            if !wire.send(both).await {
                break;
            }
            opened += 1;
        }
        assert!(opened < STREAMS, "the gateway takes every stream");
        let _ = gateway.nobody().get("/healthz").await.expect_status(200);
        gateway.shutdown().await;
    });
}

/// CONTINUATION flood (CVE-2024-27316 and its like): a head that never ends.
#[test]
fn a_head_that_goes_on_and_on_ends_its_connection() {
    const FRAMES: u32 = 10_000;
    run(async {
        let gateway = limited("continuation", json!({})).await;
        let mut wire = open(&gateway).await;
        let mut field = vec![0];
        text(&mut field, "x-long");
        text(&mut field, &"v".repeat(10_000));
        let mut sent = 0;
        // ":method: GET", and no end of the head.
        assert!(wire.send(frame(HEADERS, 0, 1, &[0x82])).await);
        while sent < FRAMES && wire.send(frame(CONTINUATION, 0, 1, &field)).await {
            sent += 1;
        }
        assert!(sent < FRAMES, "the gateway takes heads of {} MB", FRAMES / 100);
        let _ = gateway.nobody().get("/healthz").await.expect_status(200);
        gateway.shutdown().await;
    });
}
