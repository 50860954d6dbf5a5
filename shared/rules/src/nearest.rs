//! What somebody may have meant.

/// The name that is most like what was written, if one is.
pub(crate) fn nearest<'a>(
    written: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // A longer text is no slip of the pen, and the comparison is quadratic.
    const LONGEST: usize = 64;
    const ALIKE: f64 = 0.8;
    if written.len() > LONGEST {
        return None;
    }
    let plain = |name: &str| name.trim().to_ascii_lowercase().replace('_', "-");
    let written = plain(written);
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&plain(name), &written), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_alike_name_is_meant_and_no_text_that_is_no_slip() {
        let names = ["root-user", "root-users-are-fine", "host-pid"];
        assert_eq!(nearest("root_user", names), Some("root-user"));
        assert_eq!(nearest("Root-Usr", names), Some("root-user"));
        assert_eq!(nearest("zzz", names), None);
        let name = "a".repeat(64);
        assert_eq!(nearest(&name, [name.as_str()]), Some(name.as_str()));
        let name = "a".repeat(65);
        assert_eq!(nearest(&name, [name.as_str()]), None);
    }
}
