//! Whether a rebuild of an image helps, for people.

use std::fmt::{self, Formatter};

use tidewaiter_rules::{Affected, Remedy};

use crate::clean;

/// The remedy with its outside text cut and cleaned.
pub(crate) fn cleaned(remedy: &Remedy) -> Remedy {
    let short = |text: &Option<String>| text.as_deref().map(|text| clean(text, 100));
    let worst = remedy.worst.iter().map(|one| Affected {
        vulnerability: clean(&one.vulnerability, 100),
        severity: clean(&one.severity, 40),
        package: short(&one.package),
        installed: short(&one.installed),
        fixed_in: short(&one.fixed_in),
        ..one.clone()
    });
    Remedy {
        worst: worst.collect(),
        ..remedy.clone()
    }
}

/// What newer packages mend, and the worst one by one. The text has been cleaned.
pub(crate) fn write(out: &mut Formatter<'_>, remedy: &Remedy) -> fmt::Result {
    let total = remedy.total;
    if remedy.unknown == total {
        writeln!(out, "    rebuild: nobody says whether there is a fix")?;
    } else {
        write!(
            out,
            "    rebuild: newer packages mend {} of {total}",
            remedy.fixable
        )?;
        if remedy.partly_fixable > 0 {
            write!(out, ", {} in part", remedy.partly_fixable)?;
        }
        if remedy.unknown > 0 {
            write!(out, ", of {} nobody says", remedy.unknown)?;
        }
        writeln!(out)?;
    }
    for one in &remedy.worst {
        write!(out, "      {} {}", one.severity, one.vulnerability)?;
        if let Some(package) = &one.package {
            write!(out, " in {package}")?;
        }
        if let Some(installed) = &one.installed {
            write!(out, " {installed}")?;
        }
        match (&one.fixed_in, one.fix) {
            (Some(fixed), _) => write!(out, ", fixed in {fixed}")?,
            (None, "available") => write!(out, ", a fix is available")?,
            (None, "unavailable") => write!(out, ", no fix yet")?,
            (None, _) => {}
        }
        if one.has_exploit {
            write!(out, ", an exploit is available")?;
        }
        writeln!(out)?;
    }
    let told = u64::try_from(remedy.worst.len()).unwrap_or(u64::MAX);
    match total.saturating_sub(told) {
        0 => Ok(()),
        _ if told == 0 => Ok(()),
        more => writeln!(out, "      and {more} more"),
    }
}
