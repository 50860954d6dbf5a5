//! VEX documents that the policy names.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use tidewaiter_rules::{
    Policy,
    names::quoted,
    openvex::{self, MAX_BYTES, OpenVex, Vex},
};

/// The policy with the documents that it names, or without any and why: one that cannot be read may
/// take back what another says, so all hold or none.
pub(crate) fn put_into(policy: Policy, file: &Path) -> (Policy, Option<String>) {
    let folder = file.parent().unwrap_or(file);
    match read(folder, policy.vex_files()) {
        Ok(vex) => (policy.with_vex(vex), None),
        Err(error) => {
            let problem = format!(
                "the policy's `vex` cannot be used, so no image is changed and no finding suppressed by it: {error}"
            );
            (policy.without_vex(), Some(problem))
        }
    }
}

fn read(folder: &Path, paths: &[String]) -> Result<Vex, String> {
    let documents = paths.iter().map(|path| {
        let document = document(folder, path);
        let document = document.map_err(|error| format!("{}: {error}", quoted(path)))?;
        Ok((path.clone(), document))
    });
    let documents: Vec<(String, OpenVex)> = documents.collect::<Result<_, String>>()?;
    openvex::read(documents).map_err(|error| error.to_string())
}

fn document(folder: &Path, path: &str) -> Result<OpenVex, String> {
    let file = folder.join(path);
    // A link may lead anywhere.
    let real = fs::canonicalize(&file).map_err(|error| error.to_string())?;
    let folder = fs::canonicalize(folder).map_err(|error| error.to_string())?;
    if !real.starts_with(folder) {
        return Err("it leads out of the policy's folder".to_owned());
    }
    let file = File::open(real).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    let size = file.take(limit).read_to_end(&mut bytes);
    size.map_err(|error| error.to_string())?;
    if bytes.len() > MAX_BYTES {
        return Err(format!("it has more than {MAX_BYTES} bytes"));
    }
    serde_json::from_slice(&bytes).map_err(|error| format!("it is no OpenVEX document: {error}"))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const DOCUMENT: &str = r#"{"@context": "https://openvex.dev/ns/v0.2.0", "statements": [
        {"vulnerability": {"name": "CVE-2026-1001"}, "products": [{"@id": "pkg:oci/shop"}], "status": "fixed"}]}"#;

    /// A policy beside these files, and what was said of it.
    fn read_beside(files: &[(&str, &str)], vex: &str) -> (Policy, Option<String>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let outside = folder.path().join("outside.json");
        fs::write(&outside, DOCUMENT).unwrap();
        let inner = folder.path().join("policy");
        fs::create_dir(&inner).unwrap();
        for (name, content) in files {
            fs::write(inner.join(name), content).unwrap();
        }
        std::os::unix::fs::symlink(&outside, inner.join("link.json")).unwrap();
        let text = format!("version: 1\nvex: {vex}\n");
        let policy = Policy::from_yaml(&text, Timestamp::UNIX_EPOCH).unwrap();
        put_into(policy, &inner.join("policy.yaml"))
    }

    #[test]
    fn documents_beside_the_policy_are_read() {
        let (policy, problem) = read_beside(&[("a.json", DOCUMENT)], "[a.json]");
        assert_eq!(problem, None);
        assert_eq!(policy.parameters().image.suppressions.len(), 1);
    }

    #[test]
    fn where_one_cannot_be_read_none_holds_and_it_is_told() {
        let large = " ".repeat(MAX_BYTES + 1);
        let files = [
            ("a.json", DOCUMENT),
            ("list.json", "[]"),
            ("cut.json", "{"),
            ("large.json", large.as_str()),
            (
                "other.json",
                r#"{"@context": "https://example.com", "statements": []}"#,
            ),
        ];
        for (vex, said) in [
            ("[a.json, missing.json]", "`missing.json`: "),
            ("[a.json, list.json]", "no OpenVEX document"),
            ("[a.json, cut.json]", "no OpenVEX document"),
            ("[a.json, large.json]", "more than"),
            ("[a.json, other.json]", "`@context`"),
            ("[a.json, link.json]", "leads out of the policy's folder"),
        ] {
            let (policy, problem) = read_beside(&files, vex);
            let problem = problem.unwrap();
            assert!(problem.contains(said), "{problem}");
            assert_eq!(policy.parameters().image.suppressions, [], "{vex}");
        }
    }
}
