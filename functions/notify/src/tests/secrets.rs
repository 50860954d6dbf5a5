//! What is planted in every secret stands in no line of the log, nothing that is put aside and nothing in the
//! ledger, whatever goes wrong: an error of a connection likes to name the address, and an answer what it was asked.

use std::{
    io,
    sync::{Arc, Mutex},
};

use serde_json::json;
use tracing::subscriber::DefaultGuard;

use super::{
    channels::{CHANNELS, file, is_other, well},
    receiver::Reply,
    stage::{PLANTED, Stage, alert},
};

/// A place for the lines of the log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// What this thread logs until the guard goes, as much as a function does and more.
    fn listen(level: tracing::Level) -> (Self, DefaultGuard) {
        let lines = Self::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(level)
            .with_writer(move || writer.clone())
            .finish();
        (lines, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Nothing that left the function, beside what the channel itself was sent, has a secret in it.
fn assert_kept(stage: &Stage, lines: &Lines, case: &str) {
    assert!(!lines.text().contains(PLANTED), "{case}: {}", lines.text());
    // All that went to the ledger, and to the queue of what is put aside.
    for call in stage.wire.calls() {
        let call = format!("{call:?}");
        assert!(!call.contains(PLANTED), "{case}: {call}");
    }
    let settings = format!("{:?}", stage.delivery);
    assert!(!settings.contains(PLANTED), "{case}: {settings}");
}

#[tokio::test]
async fn whatever_a_channel_answers() {
    for (name, channel, ..) in CHANNELS {
        for reply in [
            // Ones that show what they were sent, as proxies do.
            Reply::Answer(
                400,
                "",
                format!("no such path /it/{PLANTED} for {PLANTED}-0"),
            ),
            Reply::Answer(403, "", format!("{PLANTED}-1 is not {PLANTED}-0")),
            Reply::Answer(404, "", format!("https://localhost/it/{PLANTED}")),
            Reply::Answer(500, "", format!("https://localhost/it/{PLANTED}")),
            Reply::Answer(429, "retry-after: 100\r\n", format!("{PLANTED}-0")),
            Reply::Answer(
                302,
                "location: https://localhost/hunter2hunter2\r\n",
                String::new(),
            ),
            Reply::Answer(
                200,
                "",
                json!({"ok": false, "error": format!("{PLANTED}-0")}).to_string(),
            ),
            Reply::Reset,
            Reply::Hang,
        ] {
            let case = format!("{name} {reply:?}");
            let (lines, _guard) = Lines::listen(tracing::Level::INFO);
            let stage = Stage::new(&file(channel), move |request, _| {
                match request.path.as_str() {
                    path if is_other(path) => well(request, 200, ""),
                    _ => reply.clone(),
                }
            })
            .await;
            stage.deliver(&[alert("a", "opened", "web")], "1").await;
            assert!(!stage.told("it").is_empty(), "{case}");
            assert!(
                lines.text().contains("delivered"),
                "{case}: there is something to look through"
            );
            assert_kept(&stage, &lines, &case);
        }
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_the_secret() {
    for kind in [
        "slack-webhook",
        "teams",
        "webhook",
        "pagerduty",
        "slack-bot",
    ] {
        for (secret, is_put_aside) in [
            ("closed", false),
            ("unknown", false),
            ("plain", true),
            ("no-url", true),
            ("garbled", false),
            ("spaced", false),
            ("refused", false),
        ] {
            let case = format!("{kind} {secret}");
            let (lines, _guard) = Lines::listen(tracing::Level::INFO);
            let conversation = if kind == "slack-bot" {
                ", conversation: C1"
            } else {
                ""
            };
            let yaml = format!(
                "{{version: 1, channels: {{it: {{type: {kind}, secret: {secret}{conversation}}}}}}}"
            );
            let stage = Stage::new(&yaml, |_, _| Reply::Reset).await;
            let failures = stage.deliver(&[alert("a", "opened", "web")], "1").await;
            assert_eq!(failures.is_empty(), is_put_aside, "{case}");
            assert_eq!(stage.aside().len(), usize::from(is_put_aside), "{case}");
            let said = if is_put_aside {
                "refused"
            } else {
                "to be told later"
            };
            assert!(lines.text().contains(said), "{case}: {}", lines.text());
            assert_kept(&stage, &lines, &case);
        }
    }
}

#[tokio::test]
async fn whatever_becomes_of_what_was_kept() {
    const YAML: &str = "{version: 1, channels: {it: {type: slack-webhook, secret: it, quiet-hours: {from: '11:00', to: '13:00'}}}}";
    for status in [400, 403, 500] {
        let (lines, _guard) = Lines::listen(tracing::Level::INFO);
        let mut stage = Stage::new(YAML, move |_, _| {
            Reply::Answer(status, "", format!("no /it/{PLANTED}"))
        })
        .await;
        let mut minor = alert("a", "opened", "web");
        minor["alert"]["severity"] = "medium".into();
        assert!(stage.deliver(&[minor], "1").await.is_empty());
        stage.later();
        stage.tell_kept("2").await;
        assert!(!stage.told("it").is_empty(), "{status}");
        assert_kept(&stage, &lines, &status.to_string());
    }
}

/// The test itself: what is logged is seen, and so is a secret where one is.
#[tokio::test]
async fn a_secret_that_is_logged_is_found() {
    let (lines, _guard) = Lines::listen(tracing::Level::INFO);
    tracing::info!(address = format!("https://localhost/{PLANTED}"), "told");
    assert!(lines.text().contains(PLANTED));
}
