//! A report as JUnit XML, for the test pages of GitLab, Jenkins and their like.

use std::fmt::{self, Display, Formatter, Write as _};

use tidewaiter_rules::{Finding, Outcome, Verdict};

use crate::{
    check::Checked,
    clean,
    report::{Report, Unreadable},
};

/// A report as JUnit XML: displayed, the whole document.
///
/// A file is a suite and a finding a case, named after its subject, rule and pointer. What is denied
/// is a failure, so there are failures exactly where the program ends with 1; what is warned of or
/// cannot be known is skipped, which those pages show without turning red. A subject of which
/// nothing is denied is a case that passes, and a file that cannot be read a case with an error.
#[derive(Debug)]
pub struct Junit<'a>(pub &'a Report<Checked>);

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Counts {
    fn of(results: &[Checked]) -> Self {
        let mut counts = Self::default();
        for result in results {
            for finding in &result.findings {
                if result.denies(finding) {
                    counts.failures += 1;
                } else {
                    counts.skipped += 1;
                }
            }
            counts.tests += result.findings.len() + usize::from(passes(result));
        }
        counts
    }

    fn with_errors(mut self, errors: usize) -> Self {
        self.tests += errors;
        self.errors += errors;
        self
    }
}

impl Display for Counts {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            tests,
            failures,
            errors,
            skipped,
        } = self;
        write!(
            out,
            "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\""
        )
    }
}

fn passes(result: &Checked) -> bool {
    result.decision != Verdict::Deny
}

/// Outside text in XML 1.0, as an attribute or between tags: on one line, inert, cut after so many
/// characters, and without the characters that XML cannot hold even when they are escaped.
struct Escaped<'a>(&'a str, usize);

impl Display for Escaped<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for character in clean(self.0, self.1).chars() {
            match character {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&apos;")?,
                '\u{fffe}' | '\u{ffff}' => out.write_char('\u{fffd}')?,
                _ => out.write_char(character)?,
            }
        }
        Ok(())
    }
}

impl Display for Junit<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Report {
            results, errors, ..
        } = self.0;
        let counts = Counts::of(results).with_errors(errors.len());
        writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(out, "<testsuites name=\"tidewaiter\" {counts}>")?;
        for results in results.chunk_by(|a, b| a.file == b.file) {
            write_suite(out, results)?;
        }
        for error in errors {
            write_error(out, error)?;
        }
        writeln!(out, "</testsuites>")
    }
}

fn write_suite(out: &mut Formatter<'_>, results: &[Checked]) -> fmt::Result {
    let Some(file) = results.first().map(|result| Escaped(&result.file, 400)) else {
        return Ok(());
    };
    let counts = Counts::of(results);
    writeln!(out, "  <testsuite name=\"{file}\" {counts}>")?;
    for result in results {
        if passes(result) {
            write_case(out, &file, result, "nothing denied")?;
            writeln!(out, "/>")?;
        }
        for (index, finding) in result.findings.iter().enumerate() {
            write_finding(out, &file, result, finding, result.place(index))?;
        }
    }
    writeln!(out, "  </testsuite>")
}

/// The start of a case, up to where its tag ends.
fn write_case(
    out: &mut Formatter<'_>,
    file: &Escaped<'_>,
    result: &Checked,
    what: &str,
) -> fmt::Result {
    let (kind, id) = (result.subject.kind(), Escaped(result.subject.id(), 400));
    let what = Escaped(what, 600);
    write!(
        out,
        "    <testcase classname=\"{file}\" name=\"{kind} {id}: {what}\" file=\"{file}\""
    )
}

fn write_finding(
    out: &mut Formatter<'_>,
    file: &Escaped<'_>,
    result: &Checked,
    finding: &Finding,
    place: Option<(usize, usize)>,
) -> fmt::Result {
    let (rule, severity) = (finding.rule, finding.severity);
    write_case(out, file, result, &format!("{rule} at {}", finding.pointer))?;
    let (message, help) = (
        Escaped(&finding.message, 1000),
        Escaped(&finding.help, 1000),
    );
    if !result.denies(finding) {
        let outcome = match finding.outcome {
            Outcome::Fail => finding.level.name(),
            Outcome::Unknown => finding.outcome.name(),
        };
        writeln!(out, ">")?;
        writeln!(
            out,
            "      <skipped message=\"{outcome}, {severity}: {message}\"/>"
        )?;
        return writeln!(out, "    </testcase>");
    }
    if let Some((line, _)) = place {
        write!(out, " line=\"{line}\"")?;
    }
    writeln!(out, ">")?;
    writeln!(
        out,
        "      <failure type=\"{rule}\" message=\"{severity}: {message}\">"
    )?;
    let pointer = Escaped(&finding.pointer, 400);
    write!(out, "{severity} {rule} at {pointer}")?;
    if let Some((line, column)) = place {
        write!(out, ", line {line}, column {column}")?;
    }
    writeln!(out, "\n{message}\nhelp: {help}</failure>")?;
    writeln!(out, "    </testcase>")
}

fn write_error(out: &mut Formatter<'_>, error: &Unreadable) -> fmt::Result {
    let (file, message) = (Escaped(&error.file, 400), Escaped(&error.message, 1000));
    let counts = Counts::default().with_errors(1);
    writeln!(out, "  <testsuite name=\"{file}\" {counts}>")?;
    writeln!(
        out,
        "    <testcase classname=\"{file}\" name=\"cannot be read: {message}\" file=\"{file}\">"
    )?;
    writeln!(
        out,
        "      <error type=\"unreadable\" message=\"{message}\"/>"
    )?;
    writeln!(out, "    </testcase>")?;
    writeln!(out, "  </testsuite>")
}
