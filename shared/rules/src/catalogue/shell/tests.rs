use proptest::prelude::*;

use super::*;

/// Every command with its arguments, in pipelines.
fn read(text: &str) -> Vec<String> {
    let pipelines = pipelines(parse(text)).into_iter();
    let shown = |command: &Command| {
        let Some((name, arguments)) = command.run() else {
            return "()".to_owned();
        };
        let arguments = arguments.iter().map(|word| word.text.as_str());
        std::iter::once(name)
            .chain(arguments)
            .collect::<Vec<_>>()
            .join(" ")
    };
    pipelines
        .map(|pipeline| pipeline.iter().map(shown).collect::<Vec<_>>().join(" | "))
        .collect()
}

#[test]
fn lists_and_pipelines_are_taken_apart() {
    for (text, expected) in [
        (
            "a b && c d || e; f & g\nh",
            vec!["a b", "c d", "e", "f", "g", "h"],
        ),
        ("a | b |& c", vec!["a | b | c"]),
        ("a 'b && c' \"d | e\" f\\;g", vec!["a b && c d | e f;g"]),
        ("a # b | c\nd", vec!["a", "d"]),
        ("a#b", vec!["a#b"]),
        ("a > b 2>&1 | c < d", vec!["a | c"]),
        ("a 2>/dev/null|b", vec!["a | b"]),
        ("(a | b) | c", vec!["() | c", "a | b"]),
        ("{ a; b; } | c", vec!["() | c", "a", "b"]),
        ("a $(b | c) d", vec!["a  d", "b | c"]),
        ("a \"$(b \"c\")\"", vec!["a ", "b c"]),
        ("a `b c`", vec!["a ", "b c"]),
        ("a <(b c)", vec!["a ", "b c"]),
        ("bash -c 'a | b'", vec!["bash -c a | b", "a | b"]),
        ("sh -exc 'a'", vec!["sh -exc a", "a"]),
        ("sudo -E bash -c \"a\"", vec!["bash -c a", "a"]),
        ("if a; then b; else c; fi", vec!["a", "b", "c", "fi"]),
        (
            "for x in a b; do c $x; done",
            vec!["x in a b", "c $x", "done"],
        ),
        ("A=b C=d e f", vec!["e f"]),
        ("env A=b /usr/bin/e f", vec!["e f"]),
        ("sudo -u root env A=1 e", vec!["e"]),
        ("timeout 5 e f", vec!["e f"]),
        ("gosu app e f", vec!["e f"]),
        ("a ${B:-c d} e", vec!["a ${B:-c d} e"]),
        ("a $((1 + 2)) b", vec!["a $((1 + 2 b"]),
        ("! a", vec!["a"]),
        ("", vec![]),
        (")", vec![]),
        ("a \"b", vec!["a b"]),
        ("a |& b &> c; d", vec!["a | b", "d"]),
        ("a &>/dev/null | b", vec!["a | b"]),
        ("a >&2 b", vec!["a b"]),
        ("a > 5x b", vec!["a b"]),
        ("a{ b", vec!["a{ b"]),
        ("{a b; }", vec!["{a b", "}"]),
        ("a { b }", vec!["a { b }"]),
        ("a \"b\\nc\\\"d\\$e\" f\\ng", vec!["a b\\nc\"d$e fng"]),
        ("a \"it's\" b", vec!["a it's b"]),
        ("a \"${B:-\"c\"}\" d", vec!["a ${B:-\"c\"} d"]),
        ("a ${B", vec!["a ${B"]),
        ("a b(c", vec!["a b(c"]),
        ("(a)(b)", vec!["()", "b"]),
        ("eval 'a | b' c", vec!["eval a | b c", "a | b"]),
        ("bash --rc 'a'", vec!["bash --rc a"]),
        ("su -c 'a' b", vec!["su -c a b", "a"]),
        ("=b c", vec!["=b c"]),
        ("1A=b c", vec!["1A=b c"]),
        ("A-B=c d", vec!["A-B=c d"]),
        ("A1_=b c", vec!["c"]),
        ("a> b c", vec!["a c"]),
        ("a <(b); c", vec!["a ", "b", "c"]),
        ("{ a ${B}; }", vec!["()", "a ${B}"]),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn only_what_a_file_gets_is_written_to_it() {
    for (text, file) in [
        ("a > b", Some("b")),
        ("a 1>> b", Some("b")),
        ("a &> b", Some("b")),
        ("a 2> b", None),
        ("a < b", None),
        ("a >&2", None),
        ("a > -", None),
        ("a > /dev/stdout", None),
        ("a >", None),
    ] {
        let read = parse(text);
        assert_eq!(read[0][0].writes_to.as_deref(), file, "{text}");
    }
}

#[test]
fn what_is_in_too_many_groups_is_read_as_if_it_were_in_fewer() {
    let groups = DEEPEST + 3;
    let text = format!("{} a {}; b", "(".repeat(groups), ")".repeat(groups));
    let found = read(&text);
    assert!(found.contains(&"a".to_owned()) && found.contains(&"b".to_owned()));
}

#[test]
fn depth_is_bounded_and_number_is_not() {
    for part in ["(a)", "{ a; }", "x $(a)", "x `a`", "x <(a)", "sh -c 'a'"] {
        let many = vec![part; DEEPEST + 40].join("; ");
        let found = read(&many).into_iter().filter(|command| command == "a");
        assert_eq!(found.count(), DEEPEST + 40, "{part}");
    }
}

/// Each would take minutes, or all of the stack, were it not bounded.
#[test]
fn no_text_is_slow_to_read() {
    for part in [
        "(",
        "$(",
        "`",
        "\"$(",
        "<(",
        "{ ",
        "bash -c '",
        "bash -c \"",
        "eval \\",
        "eval ",
        "a|",
        "'",
        "\"",
        "$",
        "<",
        ">",
        "\\",
        "${",
    ] {
        let text = part.repeat(200_000 / part.len());
        let _ = pipelines(parse(&text));
    }
}

proptest! {
    #[test]
    fn any_text_is_read(text in "[a-z =/\\-'\"$(){}<>|&;#`\\\\\n]{0,60}", other in any::<String>()) {
        let _ = (read(&text), read(&other));
    }
}
