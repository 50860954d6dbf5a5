//! A report for people: what was found, by file, subject and rule.

use std::fmt::{self, Display, Formatter};

use tidewaiter_rules::{Finding, Level, Outcome, Verdict, Waived, names::quoted};

use crate::{
    check::Checked,
    clean, remedy,
    report::{Named, Report},
    style::Style,
};

/// A report for people: displayed, nothing where nothing was found, and otherwise each subject of
/// which there is something to say, gravest first, and a line that counts.
#[derive(Debug)]
pub struct Listing<'a> {
    /// What is listed.
    pub report: &'a Report<Checked>,
    /// Whether it has colours.
    pub style: Style,
}

impl Display for Listing<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { report, style } = *self;
        let told = report.results.iter().filter(|result| is_told(result));
        let mut gravest: Option<&Finding> = None;
        for (index, result) in told.enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            write_title(out, &result.file, &result.subject, result.decision, style)?;
            write_findings(
                out,
                Some(&result.file),
                &result.findings,
                &result.places,
                style,
            )?;
            write_waived(out, &result.waived, style)?;
            let first = result.findings.first();
            let is_graver = |a: &&Finding, b: &Finding| {
                (a.level, a.outcome, a.severity) > (b.level, b.outcome, b.severity)
            };
            gravest = match (gravest, first) {
                (Some(gravest), Some(first)) if !is_graver(&first, gravest) => Some(gravest),
                (gravest, first) => first.or(gravest),
            };
        }
        if report.results.iter().any(is_told) {
            writeln!(out)?;
            write_counts(out, report, style)?;
        }
        if let Some(finding) = gravest {
            let faint = style.faint();
            writeln!(
                out,
                "{faint}why, and what to do: tidewaiter explain {}{faint:#}",
                finding.rule
            )?;
        }
        Ok(())
    }
}

/// Whether there is something to say of it. What is waived is never hidden.
fn is_told(result: &Checked) -> bool {
    !result.findings.is_empty() || !result.waived.is_empty()
}

/// The line over the findings of a subject.
pub(crate) fn write_title(
    out: &mut Formatter<'_>,
    file: &str,
    subject: &Named,
    verdict: Verdict,
    style: Style,
) -> fmt::Result {
    let (file, kind, id) = (clean(file, 400), subject.kind(), clean(subject.id(), 400));
    let (strong, coloured) = (style.strong(), style.verdict(verdict));
    let verdict = verdict.name();
    writeln!(
        out,
        "{strong}{file}{strong:#}: {kind} {strong}{id}{strong:#}: {coloured}{verdict}{coloured:#}"
    )
}

/// A location that is longer moves no other line's text.
const WIDEST: usize = 60;

/// The findings by rule: its name, each place where it finds something, and once what to do. A place
/// is a line and column of `file`, or else a pointer.
pub(crate) fn write_findings(
    out: &mut Formatter<'_>,
    file: Option<&str>,
    findings: &[Finding],
    places: &[Option<(usize, usize)>],
    style: Style,
) -> fmt::Result {
    let file = file.map(|file| clean(file, 400));
    let mut rows: Vec<(&Finding, String)> = Vec::with_capacity(findings.len());
    for (index, finding) in findings.iter().enumerate() {
        let place = match (&file, places.get(index).copied().flatten()) {
            (Some(file), Some((line, column))) => format!("{file}:{line}:{column}"),
            _ => clean(&finding.pointer, 400),
        };
        rows.push((finding, place));
    }
    let kind = |finding: &Finding| {
        let Finding {
            rule,
            outcome,
            level,
            severity,
            ..
        } = finding;
        (*rule, *outcome, *level, *severity)
    };
    for group in rows.chunk_by(|(a, _), (b, _)| kind(a) == kind(b)) {
        let Some((first, _)) = group.first() else {
            continue;
        };
        write_head(out, first, style)?;
        let lengths = group.iter().map(|(_, place)| place.chars().count());
        let width = lengths.filter(|length| *length <= WIDEST).max();
        let width = width.unwrap_or(0);
        for (index, (finding, place)) in group.iter().enumerate() {
            let faint = style.faint();
            let message = clean(&finding.message, 1000);
            writeln!(out, "    {faint}{place:<width$}{faint:#}  {message}")?;
            if let Some(remedy) = &finding.remedy {
                remedy::write(out, &remedy::cleaned(remedy))?;
            }
            let is_said_below = group
                .get(index + 1)
                .is_some_and(|(next, _)| next.help == finding.help);
            if !is_said_below {
                let (fix, help) = (style.fix(), clean(&finding.help, 1000));
                writeln!(out, "    {fix}fix:{fix:#} {help}")?;
            }
        }
    }
    Ok(())
}

fn write_head(out: &mut Formatter<'_>, finding: &Finding, style: Style) -> fmt::Result {
    let (level, severity) = (style.level(finding.level), style.severity(finding.severity));
    let (strong, rule) = (style.strong(), finding.rule);
    let outcome = match finding.outcome {
        Outcome::Fail => "",
        Outcome::Unknown => " (unknown)",
    };
    writeln!(
        out,
        "  {level}{:<4}{level:#}  {severity}{:<8}{severity:#}  {strong}{rule}{strong:#}{outcome}",
        finding.level.name(),
        finding.severity.to_string()
    )
}

fn write_waived(out: &mut Formatter<'_>, waived: &[Waived], style: Style) -> fmt::Result {
    let faint = style.faint();
    for same in waived.chunk_by(|a, b| a == b) {
        let Some(Waived {
            rule,
            waiver,
            expires,
        }) = same.first()
        else {
            continue;
        };
        // What a preset allows has no end.
        let until = match expires {
            Some(day) => format!(" until {day}"),
            None => String::new(),
        };
        let times = match same.len() {
            1 => String::new(),
            times => format!(", {times} times"),
        };
        writeln!(
            out,
            "  {faint}waived{faint:#}          {rule} by {}{until}{times}",
            quoted(waiver)
        )?;
    }
    Ok(())
}

fn write_counts(out: &mut Formatter<'_>, report: &Report<Checked>, style: Style) -> fmt::Result {
    let results = &report.results;
    let files = results.chunk_by(|a, b| a.file == b.file).count();
    let count = |verdict| results.iter().filter(|r| r.decision == verdict).count();
    let strong = style.strong();
    write!(
        out,
        "{strong}{}, {}{strong:#}",
        counted(files, "file"),
        counted(results.len(), "subject")
    )?;
    let mut between = ": ";
    for (verdict, name) in [
        (Verdict::Deny, "denied"),
        (Verdict::Warn, "warned"),
        (Verdict::Allow, "allowed"),
    ] {
        let count = count(verdict);
        if count > 0 {
            let coloured = style.verdict(verdict);
            write!(out, "{between}{coloured}{count} {name}{coloured:#}")?;
            between = ", ";
        }
    }
    let findings = results.iter().map(|result| result.findings.len()).sum();
    let waived: usize = results.iter().map(|result| result.waived.len()).sum();
    write!(out, "; {}", counted(findings, "finding"))?;
    if waived > 0 {
        write!(out, ", {waived} waived")?;
    }
    if !report.errors.is_empty() {
        let (deny, errors) = (
            style.level(Level::Deny),
            counted(report.errors.len(), "error"),
        );
        write!(out, ", {deny}{errors}{deny:#}")?;
    }
    writeln!(out)
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
