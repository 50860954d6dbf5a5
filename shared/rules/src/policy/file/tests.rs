use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::policy::Paint;

fn read(text: &str) -> Result<Policy, InvalidPolicy> {
    super::read(text, "2026-11-23".parse().unwrap())
}

#[test]
fn a_policy_names_a_profile_and_overrides_rules() {
    let text = "version: 1\nprofile: restricted\nrules:\n  root-user: off\n  host-pid: warn\nunknown: deny\nmode: audit\n";
    let policy = read(text).unwrap();
    assert_eq!(policy.base.profile, Some(Profile::Restricted));
    assert_eq!(policy.base.levels.get("root-user"), Some(&Level::Off));
    assert_eq!(policy.base.levels.get("host-pid"), Some(&Level::Warn));
    assert_eq!(policy.base.mode, Some(Mode::Audit));
    assert_eq!(policy.unknown, Unknown::Deny);
    assert_eq!(read("version: 1").unwrap(), Policy::default());
}

#[test]
fn what_yaml_allows_is_allowed() {
    let plain = read("version: 1\nrules: {root-user: off, host-pid: off}\nscopes: [{match: {account: '012345678901'}, rules: {root-user: deny}}]").unwrap();
    for text in [
        // As an editor writes it that knows JSON.
        r#"{"version": 1, "rules": {"root-user": "off", "host-pid": "off"}, "scopes": [{"match": {"account": "012345678901"}, "rules": {"root-user": "deny"}}]}"#,
        // No number here is one, and no word a truth value.
        "version: 1\nrules: {root-user: off, host-pid: off}\nscopes: [{match: {account: 012345678901}, rules: {root-user: deny}}]",
        "\u{feff}---\nversion: 1\nrules:\n  root-user: off\n  host-pid: off\nscopes:\n- match: {account: '012345678901'}\n  rules: {root-user: deny}\nwaivers:\n# all of them are gone\nparameters:\npresets:\n",
        "version: 1\r\nrules: {root-user: &o off, host-pid: *o}\r\nscopes: [{match: {account: '012345678901'}, rules: {root-user: deny}}]",
    ] {
        assert_eq!(read(text), Ok(plain.clone()), "{text}");
    }
    let merged = read("version: 1\nrules: &all {root-user: off, host-pid: off}\nscopes:\n- match: {family: web}\n  rules: {<<: *all, host-pid: deny}").unwrap();
    let levels = &merged.scopes[0].layer.levels;
    assert_eq!(levels.get("root-user"), Some(&Level::Off));
    assert_eq!(levels.get("host-pid"), Some(&Level::Deny));
}

const WAIVER: &str = "id: agent, rules: [root-user], target: {family: x}, reason: r, owner: o";

/// Policies with mistakes, each with what is wrong with it.
fn broken() -> Vec<(&'static str, String)> {
    let waiver = |what: &str| format!("version: 1\nwaivers:\n- {{{what}}}\n");
    let scope = |what: &str| format!("version: 1\nscopes:\n- {what}\n");
    let many: String = (0..60).fold("version: 1\nrules:\n".to_owned(), |text, n| {
        format!("{text}  no-such-rule-{n}: off\n")
    });
    vec![
        ("an empty file", String::new()),
        ("a file of comments", "# to be written\n".to_owned()),
        ("a list", "- version: 1\n- profile: default\n".to_owned()),
        ("another file", "family: web\ncontainerDefinitions:\n- name: app\n".to_owned()),
        ("an open bracket", "version: 1\nrules: {root-user: off\nunknown: deny\n".to_owned()),
        ("a tab", "version: 1\nrules:\n\troot-user: off\n".to_owned()),
        ("an indentation that does not fit", "version: 1\nrules:\n    root-user: off\n  host-pid: off\n".to_owned()),
        ("an alias of nothing", "version: 1\nrules: *shared\n".to_owned()),
        ("a second document", "version: 1\n---\nversion: 1\n".to_owned()),
        ("a template that was not filled", "version: 1\nrules: {{ rules }}\n".to_owned()),
        ("no version", "profile: restricted\nrules: {root-user: off}\n".to_owned()),
        ("a later version", "version: 2\nlayers: []\nprofile: default\n".to_owned()),
        ("a version that is none", "version: latest\nprofile: default\n".to_owned()),
        ("a member with a slip", "version: 1\nprofle: default\n".to_owned()),
        ("a member that is nothing like one", "version: 1\nextends: ./base.yaml\n".to_owned()),
        ("a rule where members stand", "version: 1\nroot-user: deny\n".to_owned()),
        ("a member twice", "version: 1\nrules: {root-user: off}\nunknown: deny\nrules: {host-pid: off}\n".to_owned()),
        ("a profile that there is not", "version: 1\nprofile: strict\n".to_owned()),
        ("a profile of nothing", "version: 1\nprofile:\n".to_owned()),
        ("a mode that there is not", "version: 1\nmode: dry-run\n".to_owned()),
        ("image parameters", "version: 1\nparameters:\n  images:\n    threshold: severe\n    fixable_only: yes\n    exploit-percent: 200\n    grace-days: { high: soon }\n    stale-days: 30\n".to_owned()),
        ("a level of another tool", "version: 1\nrules:\n  root-user: block\n  host-pid: Deny\n  host-ipc: severe\n".to_owned()),
        ("a level that is a map", "version: 1\nrules:\n  root-user:\n    level: deny\n".to_owned()),
        ("a rule with a slip", "version: 1\nrules:\n  rot-user: off\n  privileged: deny\n".to_owned()),
        ("a rule by its number", "version: 1\nrules:\n  ECS.4: off\n  host-*: off\n".to_owned()),
        ("a rule twice", "version: 1\nrules: {root-user: deny, host-pid: off, root-user: off}\n".to_owned()),
        ("rules as a list", "version: 1\nrules:\n- root-user: off\n".to_owned()),
        ("a cost that there is not", "version: 1\nunknown: ignore\n".to_owned()),
        ("a quarantine method that there is not", "version: 1\nquarantine: {method: remove, delete-after: 7}\n".to_owned()),
        ("a quarantine that is a word", "version: 1\nquarantine: untag\n".to_owned()),
        ("a deletion at no time", "version: 1\nquarantine: {method: delete}\n".to_owned()),
        ("a deletion by another method", "version: 1\nquarantine:\n  method: untag\n  delete-after-days: 7\n".to_owned()),
        ("a deletion too soon", "version: 1\nquarantine: {method: delete, delete-after-days: 0}\n".to_owned()),
        ("a deletion too late", "version: 1\nquarantine: {method: delete, delete-after-days: 366}\n".to_owned()),
        ("parameters of a rule that takes none", "version: 1\nparameters:\n  root-user: {allowed: [app]}\n  dangerous-capabilities: {allowed: [NET_RAW]}\n".to_owned()),
        ("a parameter that is no list", "version: 1\nparameters:\n  dangerous-capability: {allowed: NET_RAW}\n  missing-tags: {keys: [owner, '']}\n".to_owned()),
        ("a scope of nothing", scope("{match: {}, rules: {root-user: off}}")),
        ("a scope without match", scope("rules: {root-user: off}")),
        ("a scope with its match beside it", scope("family: web\n  rules: {root-user: off}")),
        ("a scope with a slip", scope("{match: {familie: web}, rules: {root-user: off}}")),
        ("a scope of an empty glob", scope("{match: {family: '', region: }, rules: {root-user: off}}")),
        ("scopes that match nothing", scope("match: {account: 4444555566, region: EU-West-1, launch-type: fargate}\n  rules: {root-user: off}\n- match: {family: 'web-{a,b}', cluster: 'arn:aws:ecs:eu-west-1:111122223333:cluster/prod', repository: Team/App}\n  rules: {root-user: off}")),
        ("two scopes of which neither is narrower", scope("match:\n    family: \"web-*\"\n  rules: {root-user: off}\n- match: {account: '111122223333'}\n  profile: restricted\n- match:\n    region: \"eu-*\"\n  rules: {root-user: deny}")),
        ("two scopes on one line", "version: 1\nscopes: [{match: {family: 'a-*'}, rules: {root-user: off}}, {match: {region: 'eu-*'}, mode: audit}]".to_owned()),
        ("a preset that there is not", "version: 1\npresets: [datadog, sysdig-agent]\n".to_owned()),
        ("a waiver of which much is missing", "version: 1\nwaivers:\n- id: agent\n  rules: [root-user]\n".to_owned()),
        ("a waiver without an end", waiver(WAIVER)),
        ("a waiver whose end is no day", waiver(&format!("{WAIVER}, expires: soon"))),
        ("a waiver whose end is no day that there is", waiver(&format!("{WAIVER}, expires: 2027-02-30"))),
        ("a waiver whose end is written otherwise", waiver(&format!("{WAIVER}, expires: 31.12.2026"))),
        ("a waiver that is to hold for ever", waiver(&format!("{WAIVER}, expires: 2036-01-01"))),
        ("a waiver without a reason", waiver("id: agent, rules: [root-user], target: {family: x}, reason: ' ', owner: , expires: 2027-01-01")),
        ("a waiver of no rule", waiver("id: agent, rules: [], target: {family: x}, reason: r, owner: o, expires: 2027-01-01")),
        ("a waiver of one rule, no list", waiver("id: agent, rules: root-user, target: {family: x}, reason: r, owner: o, expires: 2027-01-01")),
        ("a waiver of no target", waiver("id: agent, rules: [root-user], target: {}, reason: r, owner: o, expires: 2027-01-01")),
        ("a waiver for what cannot be waived", waiver("id: agent, rules: [vulnerable-image], target: {cve: CVE-2026-0001, digest: 9f86d081}, reason: r, owner: o, expires: 2027-01-01")),
        ("a waiver for a class of vulnerabilities", waiver("id: a, rules: [vulnerable-image], target: {vulnerability: 'CVE-2026-*'}, reason: r, owner: o, expires: 2027-01-01")),
        ("a waiver for vulnerabilities that there cannot be", waiver("id: a, rules: [vulnerable-image], target: {vulnerability: [CVE-26-1, openssl, 'CVE 2026 1001']}, reason: r, owner: o, expires: 2027-01-01")),
        ("a waiver for no vulnerability", waiver("id: a, rules: [vulnerable-image], target: {vulnerability: [], repository: web}, reason: r, owner: o, expires: 2027-01-01")),
        ("a waiver for a map of vulnerabilities", waiver("id: a, rules: [vulnerable-image], target: {vulnerability: {name: CVE-2026-1001}}, reason: r, owner: o, expires: 2027-01-01")),
        ("a waiver for a package", waiver("id: a, rules: [vulnerable-image], target: {package: openssl}, reason: r, owner: o, expires: 2027-01-01")),
        ("a waiver for a vulnerability of a task definition", waiver("id: a, rules: [vulnerable-image], target: {vulnerability: CVE-2026-1001, family: web}, reason: r, owner: o, expires: 2027-01-01")),
        ("a waiver for a vulnerability from a rule that knows none", waiver("id: a, rules: [vulnerable-image, unscanned-image], target: {vulnerability: CVE-2026-1001}, reason: r, owner: o, expires: 2027-01-01")),
        ("a waiver for a tag that no image has", waiver("id: a, rules: [vulnerable-image], target: {image-tag: 'web:release', package: 'a b'}, reason: r, owner: o, expires: 2027-01-01")),
        ("paths that lead elsewhere", "version: 1\nvex: [../a.json, /etc/a.json, a//b.json, ./a.json, 'C:\\a.json', 'https://example.com/a.json', ok/a.json]\n".to_owned()),
        ("a path that is no list", "version: 1\nvex: a.json\n".to_owned()),
        ("more documents than are read", format!("version: 1\nvex:\n{}", (0..40).fold(String::new(), |text, n| format!("{text}- v{n}.json\n")))),
        ("kernels as they are not left out", "version: 1\npresets: [kernel-vulnerabilitys]\nparameters: {images: {ignore-kernel: true}}\n".to_owned()),
        ("images where scopes and parameters stand", "version: 1\nimages: {threshold: low}\n".to_owned()),
        ("images in a scope with slips", scope("match: {repository: 'prod/*'}\n  images: {treshold: medium, stale-days: {high: 1.5}}")),
        ("images in a scope that is for definitions", scope("match: {family: 'web-*'}\n  images: {threshold: medium}")),
        ("a scope for a tag that no image has", scope("match: {image-tag: 'release-{a,b}'}\n  images: {threshold: medium}")),
        ("two scopes of which neither is narrower for images", scope("match: {image-tag: release}\n  images: {threshold: medium}\n- match: {image-tag: stable}\n  images: {threshold: low}")),
        ("a waiver with members of another file", waiver("id: agent, rules: [root-user], family: x, justification: r, owner: o, expires: 2027-01-01")),
        ("a waiver with the name of a preset", waiver(&WAIVER.replace("agent", "'preset:falco'").replace("owner: o", "owner: o, expires: 2027-01-01"))),
        ("two waivers of one name", format!("version: 1\nwaivers:\n- {{{WAIVER}, expires: 2027-01-01}}\n- {{{WAIVER}, expires: 2027-02-01}}\n")),
        ("a waiver for a member with a slip", waiver("id: a, rules: [root-user], target: {famly: web}, reason: r, owner: o, expires: 2027-01-01")),
        ("a waiver for a file as a shell names it", waiver("id: a, rules: [dockerfile-latest-base], target: {file: ./web/Dockerfile}, reason: r, owner: o, expires: 2027-01-01")),
        ("a line that just fits", format!("version: 1\nrules: {{root-user: off, {}host-pdi: off}}\n", " ".repeat(62))),
        ("text that moves the cursor", "version: 1\n\"a\u{202e}b\\e[31m\": \u{202e}x\n".to_owned()),
        ("a line that is long", format!("version: 1\nparameters: {{secret-in-environment: {{names: [{}]}}, missing-tags: {{key: [a]}}}}\n", "ABCDEFGH, ".repeat(30))),
        ("eight mistakes at once", "\
version: 1
profile: stict
rules:
  root-usr: deny
  host-pid: maybe
scopes:
- match: { family: \"web-*\", acount: \"111122223333\" }
  rules: { host-network: off }
parameters:
  untrusted-registry: { registry: [\"ghcr.io/example/*\"] }
waivers:
- id: docker
  rules: [privileged-container, host-runtime-sock]
  target: { family: ci }
  reason: builds images
  expires: 2030-01-01
".to_owned()),
        ("more mistakes than anybody reads", many),
    ]
}

#[test]
fn every_mistake_is_said_with_its_place_and_the_way_out() {
    let mut told = String::new();
    for (title, text) in broken() {
        let error = read(&text).unwrap_err();
        let rendered = error.render("policy.yaml", Paint::PLAIN);
        let rendered = if title.starts_with("more mistakes") {
            let last: Vec<&str> = rendered.lines().rev().take(7).collect();
            last.into_iter().rev().collect::<Vec<_>>().join("\n") + "\n"
        } else {
            rendered
        };
        let _ = write!(told, "## {title}\n\n{rendered}\n");
    }
    insta::assert_snapshot!(told);
}

#[test]
fn in_one_line_it_is_bounded_and_inert() {
    for (title, text) in broken() {
        let line = read(&text).unwrap_err().to_string();
        assert!(line.chars().all(crate::names::is_inert), "{title}: {line}");
        assert!(line.len() < 1500, "{title}: {} bytes", line.len());
    }
    let eight = broken()
        .into_iter()
        .find(|(title, _)| title.starts_with("eight"));
    let error = read(&eight.unwrap().1).unwrap_err();
    assert!(error.diagnostics().len() >= 8);
    let (_, many) = broken().pop().unwrap();
    assert_eq!(read(&many).unwrap_err().count(), 60);
    insta::assert_snapshot!(error.to_string());
}

#[test]
fn colours_are_around_the_words_and_change_none() {
    let paint = Paint {
        error: "<e>",
        strong: "<s>",
        frame: "<f>",
        reset: "</>",
    };
    let error = read("version: 1\nprofle: default\n").unwrap_err();
    let painted = error.render("policy.yaml", paint);
    insta::assert_snapshot!(painted);
    let stripped = ["<e>", "<s>", "<f>", "</>"]
        .iter()
        .fold(painted, |text, tag| text.replace(tag, ""));
    assert_eq!(stripped, error.render("policy.yaml", Paint::PLAIN));
}

fn assert_refused(texts: &[(String, &str)]) {
    for (text, message) in texts {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn what_is_too_deep_or_too_much_is_refused() {
    let bomb = (1..12).fold("version: 1\na0: &a0 [x]\n".to_owned(), |text, n| {
        let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
        format!("{text}a{n}: &a{n} [{aliases}]\n")
    });
    let lists =
        |many: usize, inside: &str| format!("{}{inside}{}", "[".repeat(many), "]".repeat(many));
    let aliased = |many| format!("version: 1\nx: &x [[a]]\ny: {}\n", lists(many, "*x"));
    let too_deep = "nested more than 32 levels deep";
    assert_refused(&[
        (bomb, "more than 200000 values"),
        (format!("version: 1\nx: {}", lists(40, "")), "not YAML"),
        (
            (0..40).fold("version: 1\n".to_owned(), |text, n| {
                format!("{text}{}x:\n", " ".repeat(n))
            }),
            "not YAML",
        ),
        (aliased(28), "a policy has no member"),
        (aliased(29), too_deep),
        (aliased(30), too_deep),
        ("version: 1\na: &a {b: *a}".to_owned(), ""),
        ("version: 1\nx: &x {<<: *x}\n".to_owned(), ""),
        (
            (0..600).fold("version: 1\nscopes:\n".to_owned(), |text, n| {
                format!("{text}- {{match: {{family: 'f{n}'}}, mode: audit}}\n")
            }),
            "scope 501",
        ),
    ]);
}

#[test]
fn no_file_takes_long_or_much() {
    assert_refused(&[
        (
            format!("version: 1\nx: {}", "[".repeat(100_000)),
            "not YAML",
        ),
        (
            (0..50_000).fold("version: 1\nrules:\n".to_owned(), |text, n| {
                format!("{text}  rut-user{n}: off\n")
            }),
            "and 49995 more",
        ),
    ]);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_with_a_place(text in "[\\s\\S]{0,60}", more in "[a-z:\\-\\[\\]{}&*'\"\\t\\n ]{0,80}") {
        for text in [text.clone(), more.clone(), format!("version: 1\n{more}"), format!("version: 1\nrules: {more}{text}")] {
            if let Err(error) = read(&text) {
                let rendered = error.render("p", Paint::PLAIN);
                prop_assert!(rendered.starts_with("error: "));
                prop_assert!(rendered.chars().all(|c| c == '\n' || crate::names::is_inert(c)), "{rendered:?}");
            }
        }
    }
}

#[test]
fn the_example_of_the_document_is_a_policy() {
    let document = include_str!("../../../../../docs/policy.md");
    let examples: Vec<&str> = document
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(!examples.is_empty());
    for example in examples {
        if let Err(error) = read(example) {
            panic!("{}", error.render("docs/policy.md", Paint::PLAIN));
        }
    }
}

#[test]
fn what_is_just_within_a_bound_is_read() {
    let of_size = |bytes: usize| format!("version: 1\n#{}", "x".repeat(bytes - 12));
    assert_eq!(read(&of_size(MAX_BYTES)), Ok(Policy::default()));
    let error = read(&of_size(MAX_BYTES + 1)).unwrap_err().to_string();
    assert!(error.contains("more than 1048576 bytes"), "{error}");
    let until = |day: &str| {
        read(&format!(
            "version: 1\nwaivers:\n- {{id: a, rules: [root-user], target: {{family: x}}, reason: r, owner: o, expires: {day}}}\n"
        ))
    };
    assert!(until("2027-11-24").is_ok());
    let error = until("2027-11-25").unwrap_err().to_string();
    assert!(error.contains("more than a year ahead"), "{error}");
}

#[test]
fn a_file_of_one_member_may_be_a_policy_with_a_slip() {
    let error = read("vresion: 1").unwrap_err().to_string();
    assert!(!error.contains("this is no policy"), "{error}");
    let error = read("Resources: {}\nOutputs: {}").unwrap_err();
    assert!(error.to_string().contains("this is no policy"), "{error}");
}

#[test]
fn one_mistake_is_told_once() {
    // However often an alias repeats it, and without what follows from it.
    for text in [
        "version: 1\nrules: &a {rot-user: off}\nscopes:\n- {match: {family: web}, rules: *a}\n- {match: {family: job}, rules: *a}\n",
        "version: 1\nwaivers:\n- {id: a, rules: [root-user], target: {family: x}, reasn: r, owner: o, expires: 2027-01-01}\n",
        "vresion: 1\nprofile: default\n",
    ] {
        assert_eq!(read(text).unwrap_err().count(), 1, "{text}");
    }
}

#[test]
fn two_scopes_of_which_neither_is_narrower_are_a_mistake_where_both_can_hold() {
    for (one, other, is_mistake) in [
        ("family: web", "family: api", false),
        ("family: 'web-*'", "family: 'api-*'", true),
        // A name and a glob, in either order, as narrow as each other by another member.
        (
            "family: 'web-*', region: eu-west-1",
            "family: api, region: 'eu-*'",
            false,
        ),
        (
            "family: 'web-*', region: eu-west-1",
            "family: web-1, region: 'eu-*'",
            true,
        ),
        ("family: web", "repository: web", false),
        ("image-tag: '1'", "family: web", false),
        ("image-tag: '1'", "image-tag: '2'", true),
        ("region: eu-west-1", "family: web", true),
        ("region: eu-west-1", "repository: web", true),
        ("tags: {team: a}", "tags: {team: b}", false),
        ("tags: {team: a}", "tags: {tier: b}", true),
    ] {
        for (one, other) in [(one, other), (other, one)] {
            let text = format!(
                "version: 1\nscopes:\n- {{match: {{{one}}}, mode: audit}}\n- {{match: {{{other}}}, mode: enforce}}\n"
            );
            let policy = read(&text);
            assert_eq!(policy.is_err(), is_mistake, "{one} and {other}: {policy:?}");
        }
    }
}
