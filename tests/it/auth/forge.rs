//! Tokens that no honest issuer makes: owns their assembly, byte by byte.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// Far ahead, and a number that every reader can hold.
pub(super) const LATER: u64 = 99_999_999_999;

/// One part of a token.
pub(super) fn segment(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Good claims of the demo's admin with `changed` laid over.
pub(super) fn claims(changed: Value) -> Value {
    let mut claims = json!({
        "iss": "sluice-demo", "aud": "sluice", "sub": "tester", "role": "admin", "exp": LATER, "nbf": 0,
    });
    if let (Value::Object(claims), Value::Object(changed)) = (&mut claims, changed) {
        claims.extend(changed);
    }
    claims
}

/// Good claims but for one that is missing.
pub(super) fn claims_without(name: &str) -> Value {
    let mut claims = claims(json!({}));
    claims.as_object_mut().unwrap().remove(name).unwrap();
    claims
}

/// A token with an HMAC-SHA256 signature, whatever its header says.
pub(super) fn hs256(header: &Value, claims: &Value, secret: &[u8]) -> String {
    hs256_raw(header.to_string().as_bytes(), claims.to_string().as_bytes(), secret)
}

/// As [`hs256`], of bytes that need not be sound JSON.
pub(super) fn hs256_raw(header: &[u8], claims: &[u8], secret: &[u8]) -> String {
    hs256_signed(&segment(header), &segment(claims), secret)
}

/// As [`hs256`], of parts that are encoded already, in whatever way.
pub(super) fn hs256_signed(header: &str, payload: &str, secret: &[u8]) -> String {
    let signed = format!("{header}.{payload}");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", segment(&mac.finalize().into_bytes()))
}
