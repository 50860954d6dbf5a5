//! A webhook of one's own: the alert's JSON as it is documented, signed, so that the receiver knows who
//! sent it and when.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

/// The header with the signature.
pub const HEADER: &str = "x-tidewaiter-signature";

/// The value of the header for a body that is sent `at` this time: `t=SECONDS,v1=HMAC`, where `SECONDS`
/// count from 1970 and `HMAC` is HMAC-SHA256 over `SECONDS.BODY`, in hexadecimal digits. A receiver
/// computes the same, compares it in constant time, and refuses what is older than some minutes, so
/// that nothing can be sent a second time.
pub fn signature(key: &[u8], at: Timestamp, body: &str) -> String {
    let seconds = at.as_second();
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return String::new();
    };
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body.as_bytes());
    let mut text = format!("t={seconds},v1=");
    for byte in mac.finalize().into_bytes() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_openssl_computes() {
        // printf '1700000000.{"version":1}' | openssl dgst -sha256 -hmac secret
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        assert_eq!(
            signature(b"secret", at, r#"{"version":1}"#),
            "t=1700000000,v1=6c49492c841520e805df0f6652ac4859b2bf8a94b97b7fe2664f0c02e62d2c85"
        );
    }

    #[test]
    fn another_key_time_or_body_has_another_signature() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let one = signature(b"k", at(1), "{}");
        for other in [
            signature(b"l", at(1), "{}"),
            signature(b"k", at(2), "{}"),
            signature(b"k", at(1), "{ }"),
            signature(b"", at(1), "{}"),
        ] {
            assert_ne!(one, other);
        }
    }
}
