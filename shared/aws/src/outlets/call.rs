//! Calls to services of AWS that have no client here.

use std::time::{Duration, SystemTime};

use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{FRESH, Outlets, Posted};
use crate::CallError;

/// How much of an answer is read, in bytes: a secret has at most 64 KiB, findings that fail a line each.
const BODY: usize = 512 * 1024;

/// How often a call is tried, and how long to wait before the second time.
const ATTEMPTS: u32 = 3;
const WAIT: Duration = Duration::from_millis(300);

/// A call: of a service, and which.
struct Call<'a> {
    name: &'static str,
    service: &'static str,
    path: &'static str,
    /// The operation, for services that have one address for all.
    target: Option<&'static str>,
    body: &'a Value,
}

impl Outlets {
    /// The text of a secret in Secrets Manager. It is read again after five minutes, or at once where that
    /// `must_be_fresh`.
    ///
    /// # Errors
    /// When the call fails, or the secret is no text.
    pub async fn secret(&self, id: &str, must_be_fresh: bool) -> Result<String, CallError> {
        let call = Call {
            name: "GetSecretValue",
            service: "secretsmanager",
            path: "/",
            target: Some("secretsmanager.GetSecretValue"),
            body: &json!({ "SecretId": id }),
        };
        self.kept_secret(
            &format!("secret {id}"),
            must_be_fresh,
            call,
            "/SecretString",
        )
        .await
    }

    /// The text of a parameter of Systems Manager, decrypted. It is read again as [`Self::secret`] is.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn parameter(&self, name: &str, must_be_fresh: bool) -> Result<String, CallError> {
        let call = Call {
            name: "GetParameter",
            service: "ssm",
            path: "/",
            target: Some("AmazonSSM.GetParameter"),
            body: &json!({ "Name": name, "WithDecryption": true }),
        };
        self.kept_secret(
            &format!("parameter {name}"),
            must_be_fresh,
            call,
            "/Parameter/Value",
        )
        .await
    }

    /// Imports findings into Security Hub of the account and region, at most 100.
    ///
    /// # Errors
    /// When the call fails, or Security Hub refuses one of the findings.
    pub async fn import_findings(&self, findings: &[Value]) -> Result<(), CallError> {
        const NAME: &str = "BatchImportFindings";
        let call = Call {
            name: NAME,
            service: "securityhub",
            path: "/findings/import",
            target: None,
            body: &json!({ "Findings": findings }),
        };
        let answer = self.call(&call).await?;
        // A finding that fails does so in an answer of success.
        if answer
            .pointer("/FailedCount")
            .and_then(Value::as_u64)
            .unwrap_or(0)
            == 0
        {
            return Ok(());
        }
        let failed = answer.pointer("/FailedFindings/0");
        let part = |name: &str| {
            failed
                .and_then(|one| one.get(name)?.as_str())
                .unwrap_or_default()
                .to_owned()
        };
        let (code, message) = (part("ErrorCode"), part("ErrorMessage"));
        let reason = format!("{code}: {message}");
        if matches!(
            code.as_str(),
            "InternalError" | "InternalFailure" | "ThrottlingException"
        ) {
            return Err(CallError::transient(NAME, reason));
        }
        Err(CallError::permanent(NAME, reason))
    }

    async fn kept_secret(
        &self,
        place: &str,
        must_be_fresh: bool,
        call: Call<'_>,
        pointer: &str,
    ) -> Result<String, CallError> {
        // Held over the call on purpose: of many messages to one channel only the first asks.
        let mut known = self.secrets.lock().await;
        if let Some((read, secret)) = known.get(place)
            && !must_be_fresh
            && read.elapsed() < FRESH
        {
            return Ok(secret.clone());
        }
        let answer = self.call(&call).await?;
        let secret = answer.pointer(pointer).and_then(Value::as_str);
        let secret = secret.ok_or_else(|| CallError::permanent(call.name, "it is no text"))?;
        known.insert(place.to_owned(), (Instant::now(), secret.to_owned()));
        Ok(secret.to_owned())
    }

    async fn call(&self, call: &Call<'_>) -> Result<Value, CallError> {
        let mut wait = WAIT;
        let mut attempt = 1;
        loop {
            match self.attempt(call).await {
                Err(error) if error.is_transient() && attempt < ATTEMPTS => {
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    async fn attempt(&self, call: &Call<'_>) -> Result<Value, CallError> {
        let url = format!("{}{}", self.endpoint(call)?, call.path);
        let body = call.body.to_string();
        let request = self.signed(&url, call, body)?;
        let answer = self.exchange(request, BODY).await;
        let answer =
            answer.map_err(|failed| CallError::transient(call.name, failed.to_string()))?;
        read(call.name, &answer)
    }

    fn endpoint(&self, call: &Call<'_>) -> Result<String, CallError> {
        if let Some(url) = &self.endpoint_url {
            return Ok(url.trim_end_matches('/').to_owned());
        }
        // https://docs.aws.amazon.com/general/latest/gr/rande.html
        let suffix = match self.home.partition() {
            "aws" | "aws-us-gov" => "amazonaws.com",
            "aws-cn" => "amazonaws.com.cn",
            "aws-eusc" => "amazonaws.eu",
            partition => {
                let reason = format!("its address in the partition `{partition}` is not known");
                return Err(CallError::permanent(call.name, reason));
            }
        };
        let fips = if self.use_fips { "-fips" } else { "" };
        Ok(format!(
            "https://{}{fips}.{}.{suffix}",
            call.service,
            self.home.region()
        ))
    }

    fn signed(
        &self,
        url: &str,
        call: &Call<'_>,
        body: String,
    ) -> Result<http::Request<SdkBody>, CallError> {
        let unusable = |what: String| CallError::permanent(call.name, what);
        let kind = if call.target.is_some() {
            "application/x-amz-json-1.1"
        } else {
            "application/json"
        };
        let mut headers = vec![("content-type", kind)];
        headers.extend(call.target.map(|target| ("x-amz-target", target)));
        let identity = Identity::from(self.credentials.clone());
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.home.region())
            .name(call.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unusable(error.to_string()))?
            .into();
        let signable = SignableRequest::new(
            "POST",
            url,
            headers.iter().copied(),
            SignableBody::Bytes(body.as_bytes()),
        )
        .map_err(|error| unusable(error.to_string()))?;
        let signed = sign(signable, &parameters).map_err(|error| unusable(error.to_string()))?;
        let (instructions, _) = signed.into_parts();
        let mut request = http::Request::post(url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut request = request
            .body(())
            .map_err(|error| unusable(error.to_string()))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request.map(|()| SdkBody::from(body)))
    }
}

/// The answer, or the error in it: the code stands behind the `#` of `__type`, or in `Code`.
fn read(name: &'static str, answer: &Posted) -> Result<Value, CallError> {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    if (200..300).contains(&answer.status) {
        return Ok(body);
    }
    let part = |names: [&str; 2]| {
        let found = names.into_iter().find_map(|name| body.get(name)?.as_str());
        found.unwrap_or_default().to_owned()
    };
    let code = part(["__type", "Code"]);
    let code = code.rsplit('#').next().unwrap_or_default();
    let message = part(["message", "Message"]);
    let reason = format!("{} {code}: {message}", answer.status);
    let is_throttled = code.contains("Throttl") || code == "TooManyRequestsException";
    if answer.status >= 500 || answer.status == 429 || is_throttled {
        return Err(CallError::transient(name, reason));
    }
    Err(CallError::permanent(name, reason))
}
