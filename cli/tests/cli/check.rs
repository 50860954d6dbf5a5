//! `tidewaiter check`: what is read, in which order, and what people are shown of it.

#![expect(
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::Path,
    process::Command,
};

use serde_json::Value;

use super::{HARDENED, PRIVILEGED, TEMPLATE, folder, json, tidewaiter, transcript};

/// The files that were judged, in order.
fn judged(folder: &Path, arguments: &[&str]) -> Vec<String> {
    let arguments: Vec<&str> = [&["check", "--format=json"], arguments].concat();
    let report = json(&tidewaiter(folder, &arguments));
    let results = report["results"].as_array().unwrap().iter();
    results
        .map(|result| result["file"].as_str().unwrap().to_owned())
        .collect()
}

fn put(folder: &Path, names: &[&str]) {
    for name in names {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, PRIVILEGED).unwrap();
    }
}

#[test]
fn the_order_is_that_of_the_files_however_many_are_read_at_once() {
    let folder = folder(&[]);
    let names: Vec<String> = (0..200).map(|index| format!("{index:03}.json")).collect();
    for (index, name) in names.iter().enumerate() {
        // Of very different sizes, so that some are ready long before others.
        let padding = " ".repeat(if index % 7 == 0 { 200_000 } else { 0 });
        let text = match index % 5 {
            0 => format!("{padding}{HARDENED}"),
            1 => "{\"containerDefinitions\":".to_owned(),
            _ => PRIVILEGED.replace("agent", &format!("agent-{index}")) + &padding,
        };
        fs::write(folder.path().join(name), text).unwrap();
    }
    for format in ["text", "json", "sarif", "junit"] {
        let run = |jobs: &str| {
            let arguments = ["check", "--format", format, "--jobs", jobs, "."];
            tidewaiter(folder.path(), &arguments)
        };
        let one = run("1");
        assert_eq!(one.status.code(), Some(2));
        for jobs in ["2", "8", "300"] {
            let many = run(jobs);
            assert_eq!(one.stdout, many.stdout, "{format} {jobs}");
            assert_eq!(one.stderr, many.stderr, "{format} {jobs}");
        }
    }
    let refused = tidewaiter(folder.path(), &["check", "--jobs", "0", "."]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn a_pattern_names_what_a_shell_would_make_of_it() {
    let folder = folder(&[("package.json", br#"{"name":"web"}"#)]);
    let path = folder.path();
    put(
        path,
        &[
            "a.json",
            "infra/b.json",
            "infra/deep/er/c.json",
            "infra/deep/d.task",
            "infra/.hidden/e.json",
            "services/x/task.json",
            "services/y/task.yaml",
            "odd[1].json",
        ],
    );
    for (pattern, files) in [
        ("*.json", &["a.json", "odd[1].json"][..]),
        ("infra/**/*.json", &["infra/b.json", "infra/deep/er/c.json"]),
        ("./infra//*.json", &["./infra/b.json"]),
        ("**/deep/*.task", &["infra/deep/d.task"]),
        ("infra/{b,x}.json", &["infra/b.json"]),
        ("infra/.hidden/*.json", &["infra/.hidden/e.json"]),
        ("infra/.*/*.json", &["infra/.hidden/e.json"]),
        // A folder that matches is searched, as one that is named.
        (
            "services/?",
            &["services/x/task.json", "services/y/task.yaml"],
        ),
        // A file's own name is no pattern.
        ("odd[1].json", &["odd[1].json"]),
    ] {
        assert_eq!(judged(path, &[pattern]), files, "{pattern}");
    }
    insta::assert_snapshot!(
        [
            transcript(path, &["check", "infra/*.yaml", "nowhere/*.json"]),
            transcript(path, &["check", "a.json[", "[a"]),
        ]
        .join("\n")
    );
}

#[test]
fn what_is_excluded_is_not_looked_at() {
    let folder = folder(&[]);
    let path = folder.path();
    put(
        path,
        &[
            "a.json",
            "b.json",
            "test/c.json",
            "app/test/d.json",
            "app/e.gen.json",
        ],
    );
    for (exclude, files) in [
        ("test", &["./a.json", "./app/e.gen.json", "./b.json"][..]),
        ("test/", &["./a.json", "./app/e.gen.json", "./b.json"]),
        (
            "*.gen.json",
            &["./a.json", "./app/test/d.json", "./b.json", "./test/c.json"],
        ),
        (
            "test/*",
            &[
                "./a.json",
                "./app/e.gen.json",
                "./app/test/d.json",
                "./b.json",
            ],
        ),
        ("./app/**", &["./a.json", "./b.json", "./test/c.json"]),
        ("**/test/**", &["./a.json", "./app/e.gen.json", "./b.json"]),
    ] {
        let found = judged(path, &["--exclude", exclude, "."]);
        assert_eq!(found, files, "{exclude}");
    }
    let found = judged(path, &["--exclude=test", "--exclude=a.json", "**/*.json"]);
    assert_eq!(found, ["app/e.gen.json", "b.json"]);
    // Within a folder that is named, and for a file that is.
    assert_eq!(
        judged(path, &["--exclude=test/*", "app"]),
        ["app/e.gen.json"]
    );
    assert_eq!(judged(path, &["--exclude=a.json", "a.json"]), ["a.json"]);
    let refused = tidewaiter(path, &["check", "--exclude", "a[", "."]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("`a[`"));
}

#[test]
fn nobody_believes_that_an_empty_folder_was_judged() {
    let folder = folder(&[("package.json", b"{}")]);
    let path = folder.path();
    fs::create_dir(path.join("empty")).unwrap();
    put(path, &["full/a.json"]);
    insta::assert_snapshot!(
        [
            transcript(path, &["check", "empty"]),
            transcript(path, &["check", "package*", "--format=json"]),
            transcript(path, &["replay", "empty"]),
        ]
        .join("\n")
    );
    let junit = tidewaiter(path, &["check", "--format=junit", "empty"]);
    assert!(!junit.stderr.is_empty());
    let full = tidewaiter(path, &["check", "full"]);
    assert!(full.stderr.is_empty());
}

#[test]
fn what_is_no_file_hangs_nothing_and_no_link_leads_out() {
    let folder = folder(&[("outside.json", PRIVILEGED.as_bytes())]);
    let inner = folder.path().join("inner");
    put(&inner, &["a.json"]);
    let pipe = inner.join("pipe.json");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    symlink("../outside.json", inner.join("file-link.json")).unwrap();
    symlink("..", inner.join("folder-link")).unwrap();
    symlink("/dev/zero", inner.join("device.json")).unwrap();
    let odd = OsStr::from_bytes(b"\xff\xfe\x1b[31m.json");
    fs::write(inner.join(odd), PRIVILEGED).unwrap();
    for name in ["large.json", "large.bin"] {
        let large = fs::File::create(inner.join(name)).unwrap();
        large.set_len(8 * 1024 * 1024 * 1024).unwrap();
    }
    let utf16: Vec<u8> = PRIVILEGED
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    fs::write(inner.join("utf16.json"), utf16).unwrap();
    fs::write(inner.join("utf16.bin"), [0xff, 0xfe, 0, 0]).unwrap();
    fs::write(inner.join("blank.json"), " \n").unwrap();
    for arguments in [["."], ["*"]] {
        let arguments: Vec<&str> = [&["check", "--format=json"], &arguments[..]].concat();
        let output = tidewaiter(&inner, &arguments);
        let report = json(&output);
        assert_eq!(output.status.code(), Some(1), "{report}");
        assert_eq!(report["results"].as_array().unwrap().len(), 2, "{report}");
        let odd = report["results"][1]["file"].as_str().unwrap();
        assert!(odd.ends_with("\u{fffd}\u{fffd}\u{fffd}[31m.json"), "{odd}");
        let notes = report["notes"].as_array().unwrap();
        assert_eq!(notes.len(), 2, "{report}");
        for (note, name) in notes.iter().zip(["large.json", "utf16.json"]) {
            assert!(note["file"].as_str().unwrap().ends_with(name), "{report}");
        }
    }
    // What is named is read, links and all.
    assert_eq!(judged(&inner, &["folder-link/outside.json"]).len(), 1);
    assert_eq!(judged(&inner, &["folder-link", "--exclude=inner"]).len(), 1);
}

/// The lines and columns of what SARIF says of a file.
fn places(folder: &Path, name: &str) -> Vec<(String, u64, u64)> {
    let log = json(&tidewaiter(folder, &["check", "--format=sarif", name]));
    let results = log["runs"][0]["results"].as_array().unwrap().iter();
    results
        .map(|result| {
            let location = &result["locations"][0];
            let region = &location["physicalLocation"]["region"];
            let pointer = &location["logicalLocations"][0]["fullyQualifiedName"];
            (
                pointer.as_str().unwrap().to_owned(),
                region["startLine"].as_u64().unwrap(),
                region["startColumn"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[test]
fn findings_in_plain_json_name_their_lines() {
    let request = "{\n  \"family\": \"web\",\n  \"containerDefinitions\": [\n    {\"name\": \"app\", \"image\": \"x\",\n     \"\\u0070rivileged\": true}\n  ]\n}\n";
    let answer = format!("{{\n\"tags\": [],\n\"taskDefinition\":\n{request}}}\n");
    let folder = folder(&[
        ("request.json", request.as_bytes()),
        ("answer.json", answer.as_bytes()),
        ("marked.json", format!("\u{feff}{request}").as_bytes()),
    ]);
    let of_request = places(folder.path(), "request.json");
    let place = |pointer: &str| {
        let found = of_request.iter().find(|(own, ..)| own == pointer);
        found.map(|(_, line, column)| (*line, *column)).unwrap()
    };
    assert_eq!(place("/containerDefinitions/0/privileged"), (5, 6));
    assert_eq!(place("/containerDefinitions/0/image"), (4, 21));
    assert_eq!(place("/containerDefinitions/0/logConfiguration"), (4, 5));
    assert_eq!(of_request, places(folder.path(), "marked.json"));
    let moved: Vec<_> = of_request
        .into_iter()
        .map(|(pointer, line, column)| (pointer, line + 3, column))
        .collect();
    assert_eq!(moved, places(folder.path(), "answer.json"));
}

#[test]
fn text_is_for_people() {
    let two = PRIVILEGED.replace(
        "\"privileged\":true}",
        "\"privileged\":true},\n    {\"name\":\"log\",\"image\":\"example/log:1\",\"user\":\"0\",\"privileged\":true}",
    );
    let folder = folder(&[
        ("two.json", two.as_bytes()),
        ("web.yaml", TEMPLATE.as_bytes()),
        ("bad.json", b"{"),
        (
            "off.yaml",
            b"version: 1\nrules: {missing-log-configuration: off, undropped-capabilities: off, untrusted-registry: off, latest-image-tag: off}\n",
        ),
        ("hardened.json", HARDENED.as_bytes()),
    ]);
    let path = folder.path();
    insta::assert_snapshot!(
        [
            transcript(path, &["check", "two.json", "web.yaml", "bad.json"]),
            transcript(path, &["check", "--policy=off.yaml", "hardened.json"]),
        ]
        .join("\n")
    );
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidewaiter"));
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        let arguments = [&["check", "two.json"], arguments].concat();
        let command = command.current_dir(path).envs(variables.iter().copied());
        let output = command.args(arguments).output().unwrap();
        assert!(output.stderr.is_empty());
        let text = String::from_utf8(output.stdout).unwrap();
        let is_coloured = text.contains("\u{1b}[");
        (is_coloured, text)
    };
    let (_, plain) = run(&[], &[]);
    assert_eq!(run(&[], &[("TERM", "xterm")]), (false, plain.clone()));
    assert!(run(&["--color=always"], &[("NO_COLOR", "1")]).0);
    assert!(run(&[], &[("CLICOLOR_FORCE", "1")]).0);
    assert!(!run(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).0);
    let never = run(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]);
    assert_eq!(never, (false, plain));
    assert!(!run(&["--color=always", "--format=json"], &[]).0);
}

#[test]
fn templates_are_given_parameters() {
    let other = "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n";
    let folder = folder(&[
        ("web.yaml", TEMPLATE.as_bytes()),
        ("other.yaml", other.as_bytes()),
    ]);
    let path = folder.path();
    let image = |parameters: &[&str]| -> Vec<String> {
        let arguments = [
            &["check", "--format=json", "web.yaml", "other.yaml"],
            parameters,
        ];
        let output = tidewaiter(path, &arguments.concat());
        assert_eq!(output.status.code(), Some(0));
        let report = json(&output);
        let findings = report["results"][0]["findings"].as_array().unwrap();
        findings
            .iter()
            .filter(|finding| finding["pointer"] == "/containerDefinitions/0/image")
            .map(|finding| format!("{} {}", finding["rule"], finding["outcome"]).replace('"', ""))
            .collect()
    };
    assert_eq!(
        image(&[]),
        ["untrusted-registry unknown", "latest-image-tag unknown"]
    );
    assert_eq!(
        image(&["--parameter", "Image=public.ecr.aws/docker/library/httpd=x"]),
        ["untrusted-registry unknown", "latest-image-tag unknown"]
    );
    assert_eq!(
        image(&["--parameter=Image=111122223333.dkr.ecr.eu-west-1.amazonaws.com/web:1"]),
        [""; 0]
    );
    let mut text = String::new();
    for parameters in [
        &["--parameter=Imag=a", "--parameter=Image=b"][..],
        &["--parameter=Image=a", "--parameter=Image=b"],
        &["--parameter=Image"],
    ] {
        let arguments = [&["check", "other.yaml", "web.yaml"], parameters].concat();
        let output = tidewaiter(path, &arguments);
        assert_eq!(output.status.code(), Some(2));
        text.push_str(&String::from_utf8(output.stderr).unwrap());
    }
    insta::assert_snapshot!(text);
}

#[test]
fn what_a_template_does_not_show_is_told() {
    let macros = format!("Transform: [AWS::Serverless-2016-10-31, AddSidecars]\n{TEMPLATE}");
    let folder = folder(&[("web.yaml", macros.as_bytes())]);
    let path = folder.path();
    let text = tidewaiter(path, &["check", "web.yaml"]);
    assert_eq!(text.status.code(), Some(0));
    insta::assert_snapshot!(String::from_utf8(text.stderr).unwrap());
    let report = json(&tidewaiter(path, &["check", "--format=json", "web.yaml"]));
    assert_eq!(report["notes"][0]["file"], "web.yaml");
    assert_eq!(report["errors"], Value::Array(Vec::new()));
    let log = json(&tidewaiter(path, &["check", "--format=sarif", "web.yaml"]));
    let invocation = &log["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], true);
    assert_eq!(
        invocation["toolExecutionNotifications"][0]["level"],
        "warning"
    );
}
