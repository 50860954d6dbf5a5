//! That no text is too much for the reader and the rules.

use proptest::prelude::*;
use tidewaiter_rules::{
    Field,
    facts::{Dockerfile, dockerfile::Operation},
};

use super::all_findings;
use crate::dockerfile::{DockerfileError, MAX_BYTES, is_dockerfile, read};

fn dockerfile(text: &str) -> Dockerfile {
    read(text, "Dockerfile").unwrap()
}

/// What the last `USER` comes to.
fn user(dockerfile: &Dockerfile) -> Field<String> {
    let mut instructions = dockerfile.instructions.iter().rev();
    let user = instructions.find_map(|instruction| match &instruction.operation {
        Operation::User(user) => Some(user.value.clone()),
        _ => None,
    });
    user.unwrap()
}

fn lines(numbers: std::ops::Range<usize>, line: impl Fn(usize) -> String) -> String {
    numbers.map(line).collect::<Vec<_>>().concat()
}

#[test]
fn there_are_limits() {
    let large = format!("FROM a\n#{}", "x".repeat(MAX_BYTES));
    assert_eq!(read(&large, ""), Err(DockerfileError::TooLarge));
    let stages = "FROM a\n".repeat(501);
    assert!(matches!(
        read(&stages, ""),
        Err(DockerfileError::TooMany { .. })
    ));
    let variables = lines(0..2001, |i| format!("ARG A{i}=1\n"));
    let variables = format!("FROM a\n{variables}");
    assert!(matches!(
        read(&variables, ""),
        Err(DockerfileError::TooMany { .. })
    ));
}

/// Each of these would take minutes or all memory, were it not bounded.
#[test]
fn no_text_is_slow_to_read() {
    let doubled = lines(1..1000, |i| format!("ARG A{i}=$A{0}$A{0}\n", i - 1));
    let doubled = format!("FROM a\nARG A0=xxxxxxxxxxxxxxxx\n{doubled}USER $A999\n");
    assert!(user(&dockerfile(&doubled)).unknown().is_some());

    let value = "x".repeat(16_000);
    let many = format!("FROM a\nARG A={value}\n{}", "LABEL b=$A\n".repeat(50_000));
    dockerfile(&many);
    let longer = format!("FROM a\nARG A={value}\n{}", "LABEL b=$A$A\n".repeat(50_000));
    dockerfile(&longer);

    let nested = format!(
        "FROM a\nARG A\nUSER {}x{}\n",
        "${A:-".repeat(100_000),
        "}".repeat(100_000)
    );
    assert!(user(&dockerfile(&nested)).unknown().is_some());

    let open = format!("FROM a\nUSER {}\n", "${A".repeat(300_000));
    assert!(user(&dockerfile(&open)).unknown().is_some());

    let variables = lines(0..2000, |i| format!("ARG A{i}=1\n"));
    let stages = lines(0..499, |i| format!("FROM s{i} AS s{}\n", i + 1));
    dockerfile(&format!("FROM a AS s0\n{variables}{stages}"));

    let documents = "RUN cat <<A\nA\n".repeat(60_000);
    dockerfile(&format!("FROM a\n{documents}"));
    let continued = format!("FROM a\nRUN x{}\n", "\\\n#\n".repeat(200_000));
    dockerfile(&continued);
}

/// Every rule judges it, so none may panic on it either.
fn judge(text: &str) {
    if let Ok(dockerfile) = read(text, "Dockerfile") {
        for finding in all_findings(&dockerfile) {
            assert!(dockerfile.locate(&finding.pointer).is_some(), "{finding:?}");
        }
    }
}

fn any_line() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "FROM ",
        "from a AS b",
        "ARG ",
        "ENV ",
        "RUN ",
        "COPY ",
        "ADD ",
        "USER ",
        "ONBUILD ",
        "EXPOSE ",
        "HEALTHCHECK ",
        "CMD ",
        "NONE",
        "LABEL ",
        "SHELL ",
        "ENTRYPOINT ",
        "VOLUME ",
        "WORKDIR ",
        "--from=b ",
        "--mount=type=secret,id=x ",
        "--chmod=4755 ",
        "a",
        "=",
        "$A",
        "${A:-",
        "}",
        "\"",
        "'",
        "\\",
        "`",
        "\\\\",
        "[",
        "\"x\", ",
        "]",
        "<<EOF",
        "<<-'E F'",
        "EOF",
        "#",
        " ",
        "\t",
        "\r",
        "ä",
        "\u{0}",
        "&&",
        "|",
        "$(",
        ")",
        "sh",
        "curl https://x",
        "0:0",
        "22",
        "sudo ",
        "https://x",
        "scratch",
        "# escape=`",
        "apt-get update",
        "password=hunter2",
        "{",
        ";",
        "<(",
        "bash -c ",
    ]);
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn reading_and_judging_never_panic(text in any::<String>(), lines in prop::collection::vec(any_line(), 0..12)) {
        judge(&text);
        let soup = lines.join("\n");
        judge(&soup);
        judge(&format!("FROM a\n{soup}"));
        let _ = is_dockerfile(&soup);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        judge(&format!("FROM a\n{}", String::from_utf8_lossy(&bytes)));
    }
}
