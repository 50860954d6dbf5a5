//! What is planted in every secret stands in no line of the log, nothing that is put aside and nothing in the
//! ledger, whatever goes wrong: an error of a connection likes to name the address, and an answer what it was asked.

use std::{cell::RefCell, io, sync::Once};

use serde_json::json;

use super::{
    channels::{CHANNELS, file, is_other, well},
    receiver::Reply,
    stage::{PLANTED, Stage, alert},
};

thread_local! {
    /// What this thread has logged. A subscriber of one thread alone would miss what another thread's lack of one has
    /// switched off.
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Lines;

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What this thread logs from now on, as a function does, is to be looked through.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::INFO);
        subscriber.with_writer(|| Lines).init();
    });
    LINES.take();
}

fn logged() -> String {
    LINES.with_borrow(|lines| String::from_utf8(lines.clone()).unwrap())
}

/// Nothing that left the function, beside what the channel itself was sent, has a secret in it.
fn assert_kept(stage: &Stage, case: &str) {
    assert!(!logged().contains(PLANTED), "{case}: {}", logged());
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
            listen();
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
                logged().contains("delivered"),
                "{case}: there is something to look through"
            );
            assert_kept(&stage, &case);
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
            ("odd-port", false),
            ("angled", true),
            ("garbled", false),
            ("spaced", false),
            ("refused", false),
            ("binary", false),
        ] {
            let case = format!("{kind} {secret}");
            listen();
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
            assert!(logged().contains(said), "{case}: {}", logged());
            assert_kept(&stage, &case);
        }
    }
}

#[tokio::test]
async fn whatever_becomes_of_what_was_kept() {
    const YAML: &str = "{version: 1, channels: {it: {type: slack-webhook, secret: it, quiet-hours: {from: '11:00', to: '13:00'}}}}";
    for status in [400, 403, 500] {
        listen();
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
        assert_kept(&stage, &status.to_string());
    }
}

/// The test itself: what is logged is seen, and so is a secret where one is.
#[tokio::test]
async fn a_secret_that_is_logged_is_found() {
    listen();
    tracing::info!(address = format!("https://localhost/{PLANTED}"), "told");
    assert!(logged().contains(PLANTED));
}
