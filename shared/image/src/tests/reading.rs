//! How Dockerfiles are read.

use tidewaiter_rules::{
    Field,
    facts::{
        Dockerfile,
        dockerfile::{Base, Command, Operation, Text},
    },
};

use crate::dockerfile::{is_dockerfile, read};

fn dockerfile(text: &str) -> Dockerfile {
    read(text, "Dockerfile").unwrap()
}

fn shells(dockerfile: &Dockerfile) -> Vec<String> {
    let instructions = dockerfile.instructions.iter();
    let shells = instructions.filter_map(|instruction| match &instruction.operation {
        Operation::Run(run) => match &run.command {
            Command::Shell(text) => Some(text.split_whitespace().collect::<Vec<_>>().join(" ")),
            Command::Exec(words) => Some(format!("{words:?}")),
        },
        _ => None,
    });
    shells.collect()
}

fn user(dockerfile: &Dockerfile) -> Text {
    let mut instructions = dockerfile.instructions.iter().rev();
    let user = instructions.find_map(|instruction| match &instruction.operation {
        Operation::User(user) => Some(user.clone()),
        _ => None,
    });
    user.unwrap()
}

fn bases(dockerfile: &Dockerfile) -> Vec<String> {
    let stages = dockerfile.stages.iter();
    let name = |base: &Base| match base {
        Base::Scratch => "scratch".to_owned(),
        Base::Stage(index) => format!("stage {index}"),
        Base::AnyStage(indices) => format!("any of {indices:?}"),
        Base::Image(text) => match &text.value {
            Field::Known(value) => value.clone(),
            Field::Unknown(reason) => reason.clone(),
            Field::Absent => String::new(),
        },
    };
    stages.map(|stage| name(&stage.base)).collect()
}

#[test]
fn instructions_are_found_in_every_dress() {
    for text in [
        "FROM a\nRUN x && y\nUSER 7",
        "from a\nrun x && y\nuser 7\n",
        "FROM a\r\nRUN x \\\r\n  && y\r\nUSER 7\r\n",
        "\u{feff}FROM a\nRUN x && y\nUSER 7\n",
        "# syntax=docker/dockerfile:1\n\n# a comment\n  FROM a\n\n  RUN x \\\n  # a comment\n\n  && y\n\tUSER 7",
        "#escape=`\nFROM a\nRUN x `\n && y\nUSER 7",
        "# escape = `\nFROM a\nRUN x `  \n && y\nUSER 7",
        "FROM a\nRUN --mount=type=secret,id=x x && y\nUSER 7",
        "FROM a\nRUN x && \\\n\\\n y\nUSER 7",
    ] {
        let read = dockerfile(text);
        assert_eq!(shells(&read), ["x && y"], "{text:?}");
        assert_eq!(user(&read).value, Field::Known("7".to_owned()), "{text:?}");
        assert_eq!(read.instructions.len(), 3, "{text:?}");
    }
}

/// An escaped escape ends no line in mid-air: builders read the next line as an instruction.
#[test]
fn an_escaped_escape_continues_nothing() {
    let read = dockerfile("FROM a\nUSER 7\nRUN x \\\\\nUSER 0\n");
    assert_eq!(user(&read).value, Field::Known("0".to_owned()));
    assert_eq!(shells(&read), ["x \\\\"]);
}

#[test]
fn a_line_of_a_here_document_is_no_instruction() {
    for text in [
        "FROM a\nRUN <<EOF\nUSER 0\nEOF\nUSER 7",
        "FROM a\nRUN cat <<EOF > /x\nUSER 0\nEOF\nUSER 7",
        "FROM a\nRUN cat <<'EOF' > /x && \\\n  cat <<-\"END\" > /y\nUSER 0\nEOF\nUSER 0\n\t\tEND\nUSER 7",
        "FROM a\nCOPY <<EOF <<END /x/\nUSER 0\nEOF\nUSER 0\nEND\nUSER 7",
        "FROM a\r\nRUN python3 <<EOF\r\nUSER 0\r\nEOF\r\nUSER 7\r\n",
        "FROM a\nONBUILD RUN cat <<EOF\nUSER 0\nEOF\nUSER 7",
        "FROM a\nRUN <<EOF\n# a comment\nUSER 0 \\\nEOF\nUSER 7",
    ] {
        let read = dockerfile(text);
        assert_eq!(read.instructions.len(), 3, "{text:?}");
        assert_eq!(user(&read).value, Field::Known("7".to_owned()), "{text:?}");
        let documents = read.instructions.iter().map(|i| match &i.operation {
            Operation::Run(run) => run.here_documents.clone(),
            Operation::Copy(copy) => copy.here_documents.clone(),
            _ => Vec::new(),
        });
        let documents: Vec<_> = documents.flatten().collect();
        assert!(!documents.is_empty(), "{text:?}");
        assert!(
            documents.iter().all(|d| d.text.contains("USER 0")),
            "{text:?}"
        );
    }
    // What only looks like one.
    for text in [
        "FROM a\nRUN x <<< word\nUSER 7",
        "FROM a\nRUN echo \"<<EOF\"\nUSER 7",
        "FROM a\nRUN echo $((1<<3))\nUSER 7",
        "FROM a\nCMD cat <<EOF\nUSER 7",
    ] {
        let read = dockerfile(text);
        assert_eq!(read.instructions.len(), 3, "{text:?}");
        assert_eq!(user(&read).value, Field::Known("7".to_owned()), "{text:?}");
    }
}

#[test]
fn variables_are_replaced_as_builders_do() {
    let unknown = |name: &str| {
        Field::Unknown(format!(
            "it depends on build argument `{name}`, which has no default"
        ))
    };
    let elsewhere = |name: &str| {
        Field::Unknown(format!(
            "it depends on variable `{name}`, which the file does not set"
        ))
    };
    for (lines, written, expected) in [
        ("ARG A=7", "$A", Field::Known("7".to_owned())),
        ("ARG A=7", "${A}", Field::Known("7".to_owned())),
        ("ARG A=7", "\"${A}\":'$A'", Field::Known("7:$A".to_owned())),
        ("ARG A=7", "\\$A", Field::Known("$A".to_owned())),
        ("ARG A", "$A", unknown("A")),
        ("ARG A", "${A:-7}", Field::Known("7".to_owned())),
        ("ARG A", "${A-7}", Field::Known("7".to_owned())),
        ("ARG A=", "${A:-7}", Field::Known("7".to_owned())),
        ("ARG A=", "${A-7}", Field::Known(String::new())),
        ("ARG A=1", "${A:+7}", Field::Known("7".to_owned())),
        ("ARG A=", "${A:+7}", Field::Known(String::new())),
        ("ARG A", "${A:+7}", unknown("A")),
        ("ARG A=1", "${B:-${A}0}", elsewhere("B")),
        (
            "ARG A=1\nARG B",
            "${B:-${A}0}",
            Field::Known("10".to_owned()),
        ),
        (
            "ARG A=1",
            "${A%x}",
            Field::Unknown("it is a part of variable `A`".to_owned()),
        ),
        ("ARG A=1\nENV A=2", "$A", Field::Known("2".to_owned())),
        ("ENV A=2\nARG A=1", "$A", Field::Known("2".to_owned())),
        ("ENV A 2 3", "$A", Field::Known("2 3".to_owned())),
        (
            "ENV A=1 B=2\nENV A=3 B=$A",
            "$B",
            Field::Known("1".to_owned()),
        ),
        (
            "ENV A='x y' B=\"z\"",
            "$A$B",
            Field::Known("x yz".to_owned()),
        ),
        ("ENV A=1\\\n B=2", "$B", Field::Known("2".to_owned())),
        ("ARG G", "$G", Field::Known("global".to_owned())),
        ("ARG TARGETARCH", "$TARGETARCH", unknown("TARGETARCH")),
        ("RUN x", "$G", elsewhere("G")),
        ("RUN x", "$", Field::Known("$".to_owned())),
        (
            "RUN x",
            "${}",
            Field::Unknown("a `${` has no name in it".to_owned()),
        ),
        (
            "RUN x",
            "${A",
            Field::Unknown("a `${` has no end".to_owned()),
        ),
        ("ONBUILD ENV A=1", "$A", elsewhere("A")),
    ] {
        let text = format!("ARG G=global\nFROM a\n{lines}\nUSER {written}\n");
        assert_eq!(user(&dockerfile(&text)).value, expected, "{text}");
    }
}

#[test]
fn stages_are_told_from_images() {
    for (text, expected) in [
        ("FROM a:1", vec!["a:1"]),
        ("FROM scratch", vec!["scratch"]),
        (
            "FROM --platform=$BUILDPLATFORM a AS b\nFROM b",
            vec!["a", "stage 0"],
        ),
        ("FROM a AS Build\nFROM build", vec!["a", "stage 0"]),
        (
            "FROM a AS x\nFROM b AS x\nFROM x",
            vec!["a", "b", "stage 1"],
        ),
        ("FROM later\nFROM a AS later", vec!["later", "a"]),
        ("ARG V=1\nFROM a:$V", vec!["a:1"]),
        ("ARG V=1\nARG W=x${V}\nFROM a:${W}", vec!["a:x1"]),
        ("ARG B=x\nFROM a AS x\nFROM $B", vec!["a", "stage 0"]),
        (
            "ARG V\nFROM a:$V",
            vec!["it depends on build argument `V`, which has no default"],
        ),
        ("FROM a:${V:-2}", vec!["a:2"]),
        ("FROM a:$V", vec!["nothing before it sets variable `V`"]),
        // An argument of a stage holds for no `FROM`.
        (
            "FROM a\nARG V=1\nFROM b:$V",
            vec!["a", "nothing before it sets variable `V`"],
        ),
        (
            "FROM a AS bin-amd64\nFROM b AS bin-arm64\nFROM bin-${TARGETARCH}",
            vec!["a", "b", "any of [0, 1]"],
        ),
    ] {
        assert_eq!(bases(&dockerfile(text)), expected, "{text}");
    }
}

#[test]
fn what_a_stage_sets_holds_in_the_stages_that_are_built_on_it() {
    let text = "FROM a AS base\nARG A=1\nENV B=2\nFROM base\nUSER $A:$B\n";
    assert_eq!(
        user(&dockerfile(text)).value,
        Field::Known("1:2".to_owned())
    );
    let text = "FROM a AS base\nARG A=1\nFROM b\nUSER $A\n";
    assert!(user(&dockerfile(text)).value.unknown().is_some());
}

#[test]
fn places_are_lines_and_columns() {
    let read = dockerfile("# ä\nFROM a AS b\n\n RUN x \\\n  y\n  USER 0\n");
    assert_eq!(read.locate("/instructions/0"), Some((2, 1)));
    assert_eq!(read.locate("/instructions/1"), Some((4, 2)));
    assert_eq!(read.locate("/instructions/2"), Some((6, 3)));
    assert_eq!(read.locate("/stages/0/user"), Some((2, 1)));
    for pointer in [
        "",
        "/",
        "/instructions/3",
        "/instructions/x",
        "/stages/1/user",
        "/x/0",
    ] {
        assert_eq!(read.locate(pointer), None, "{pointer}");
    }
    assert_eq!(read.id(), "b");
    assert_eq!(dockerfile("FROM a").id(), "Dockerfile");
    assert_eq!(
        self::read("FROM a", "x/web.Dockerfile").unwrap().id(),
        "web.Dockerfile"
    );
    assert_eq!(self::read("FROM a", "").unwrap().id(), "?");
}

#[test]
fn what_no_builder_reads_is_an_error_with_its_line() {
    for (text, expected) in [
        ("", "expected at least one FROM"),
        ("# only a comment", "expected at least one FROM"),
        ("ARG A=1", "expected at least one FROM"),
        ("RUN x", "line 1: expected FROM"),
        (
            "FROM a\nRUN cat <<EOF\nx",
            "line 2: nothing ends the here-document `EOF`",
        ),
        ("FROM a\nFOO x", "line 2: unknown instruction"),
        ("FROM a b", "line 1: expected AS"),
        (
            "FROM a\nONBUILD ONBUILD RUN x",
            "line 2: ONBUILD ONBUILD is not allowed",
        ),
    ] {
        let error = read(text, "Dockerfile").unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn a_dockerfile_is_known_by_its_first_instruction() {
    for text in [
        "FROM a",
        "\u{feff}from a",
        "# syntax=docker/dockerfile:1\nFROM a",
        "# x\n\n  ARG V=1\nFROM a:$V",
        "FROM\ta",
    ] {
        assert!(is_dockerfile(text), "{text:?}");
    }
    for text in [
        "",
        "# FROM a",
        "FROM",
        "from: a",
        "FROM : a",
        "arg = 1",
        "{\"FROM\": 1}",
        "RUN x",
        "Resources:\n  FROM a",
    ] {
        assert!(!is_dockerfile(text), "{text:?}");
    }
}
