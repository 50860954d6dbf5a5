//! What a stack was deployed from.

use aws_smithy_types::base64;
use sha2::{Digest, Sha256};

use super::{Inspector, found};
use crate::CallError;

const CALL: &str = "GetObject";

const MISSING: &[&str] = &["NoSuchKey", "NoSuchBucket", "NoSuchVersion"];

/// How much is read, in bytes: the functions have 3 MB, a layer with VEX documents may have more.
const MOST: usize = 64 * 1024 * 1024;

/// A zip in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its SHA-256 in Base64, as Lambda says it.
    pub sha256: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl Inspector<'_> {
    /// A zip that a template names; `None` where it is not there any more.
    ///
    /// # Errors
    /// When the call fails, or it is larger than any function or layer.
    pub async fn artifact(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<Option<Artifact>, CallError> {
        let call = self.s3.get_object().bucket(bucket).key(key);
        let call = call.set_version_id(version.map(str::to_owned));
        let answer = call.send().await;
        let answer = answer.map_err(|error| CallError::of(CALL, &error));
        let Some(answer) = found(answer, MISSING)? else {
            return Ok(None);
        };
        let mut body = answer.body;
        let mut bytes = Vec::new();
        while let Some(part) = body.next().await {
            let part = part.map_err(|error| CallError::transient(CALL, error.to_string()))?;
            if bytes.len().saturating_add(part.len()) > MOST {
                return Err(CallError::permanent(
                    CALL,
                    format!("it has more than {MOST} bytes"),
                ));
            }
            bytes.extend_from_slice(&part);
        }
        Ok(Some(Artifact {
            sha256: base64::encode(Sha256::digest(&bytes)),
            bytes,
        }))
    }
}
