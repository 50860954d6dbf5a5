//! OpenVEX documents (specification v0.2.0): a supplier says that a vulnerability does not affect an
//! image. Reading is lenient where documents of older versions differ, and strict where leniency
//! would suppress more than was said.

use std::collections::BTreeMap;

use jiff::Timestamp;
use packageurl::PackageUrl;
use serde::Deserialize;
use thiserror::Error;

use crate::{
    names::{Digest, quoted},
    suppress::{ImageTarget, PackagePattern, Source, Suppression},
};

/// How many vulnerabilities and packages the statements of all documents may name together, counted
/// anew for each product that they are about.
pub const MOST_NAMES: usize = 10_000;

/// The largest document that is read, in bytes.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A document, as JSON has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "an OpenVEX document, which is an object")]
pub struct OpenVex {
    #[serde(rename = "@context")]
    context: String,
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    statements: Vec<Entry>,
}

#[derive(Debug, Clone, Deserialize)]
struct Entry {
    vulnerability: Named,
    #[serde(default)]
    products: Vec<Named>,
    status: String,
    #[serde(default)]
    justification: Option<String>,
    #[serde(default)]
    impact_statement: Option<String>,
    #[serde(default)]
    timestamp: Option<String>,
}

/// A vulnerability, a product or a component: an object, or in older documents its name alone.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Named {
    Name(String),
    Object(Box<Object>),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Object {
    #[serde(rename = "@id")]
    id: Option<String>,
    name: Option<String>,
    aliases: Vec<String>,
    identifiers: BTreeMap<String, String>,
    subcomponents: Vec<Named>,
}

/// Why documents cannot be used at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidVex {
    /// It is another kind of document.
    #[error("{} is no OpenVEX document: its `@context` is {}", quoted(.document), quoted(.context))]
    OtherContext {
        /// The document's name.
        document: String,
        /// What it says it is.
        context: String,
    },
    /// There is more than is read.
    #[error(
        "the OpenVEX documents name more than {MOST_NAMES} vulnerabilities, packages and products: leave out those that are not about these images"
    )]
    TooMany,
}

/// What documents say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vex {
    /// What does not count because of them.
    pub suppressions: Vec<Suppression>,
    /// Statements or products that suppress nothing, and why, for people.
    pub problems: Vec<String>,
}

/// One statement about one product.
struct Claim {
    id: String,
    vulnerabilities: Vec<String>,
    target: ImageTarget,
    packages: Vec<PackagePattern>,
    /// Why it does not count; `None` where the status says that it may.
    reason: Option<String>,
    time: Option<Timestamp>,
}

/// Reads documents, each with its name. A later statement about the same thing overrides an earlier
/// one, whichever document it is in; where it cannot be told which is later, the finding counts.
///
/// # Errors
/// When one is no OpenVEX document, or there is more than is read.
pub fn read(documents: impl IntoIterator<Item = (String, OpenVex)>) -> Result<Vex, InvalidVex> {
    let mut vex = Vex::default();
    let mut claims = Vec::new();
    let mut left = MOST_NAMES;
    for (document, content) in documents {
        if !content.context.starts_with("https://openvex.dev/ns") {
            return Err(InvalidVex::OtherContext {
                document,
                context: content.context,
            });
        }
        for (index, statement) in content.statements.into_iter().enumerate() {
            let id = format!("{document} statement {}", index + 1);
            let inherited = content.timestamp.as_deref();
            let names = size(&statement);
            left = left.checked_sub(names).ok_or(InvalidVex::TooMany)?;
            claim(&id, statement, inherited, &mut claims, &mut vex.problems);
        }
    }
    vex.suppressions = standing(claims);
    Ok(vex)
}

/// How much is kept of a statement: each product brings the vulnerability's names.
fn size(statement: &Entry) -> usize {
    let of = |named: &Named| match named {
        Named::Name(_) => (0, 0),
        Named::Object(object) => (object.aliases.len(), object.subcomponents.len()),
    };
    let each = of(&statement.vulnerability).0.saturating_add(2);
    let products = statement.products.iter();
    products.fold(2, |sum: usize, product| {
        sum.saturating_add(each).saturating_add(of(product).1)
    })
}

fn claim(
    id: &str,
    statement: Entry,
    inherited: Option<&str>,
    claims: &mut Vec<Claim>,
    problems: &mut Vec<String>,
) {
    let problem = |what: &str| format!("{}: {what}", quoted(id));
    let vulnerabilities = names(statement.vulnerability);
    if vulnerabilities.is_empty() {
        problems.push(problem("it names no vulnerability"));
        return;
    }
    let why = [statement.justification, statement.impact_statement];
    let why: Vec<String> = why
        .into_iter()
        .flatten()
        .filter(|text| !text.trim().is_empty())
        .collect();
    let reason = match statement.status.as_str() {
        "not_affected" if why.is_empty() => {
            problems.push(problem(
                "`not_affected` needs a `justification` or an `impact_statement`",
            ));
            return;
        }
        "not_affected" => Some(format!("not affected: {}", why.join(": "))),
        "fixed" => Some("fixed in this image".to_owned()),
        "affected" | "under_investigation" => None,
        other => {
            problems.push(problem(&format!(
                "the status {} is not known",
                quoted(other)
            )));
            None
        }
    };
    if statement.products.is_empty() {
        problems.push(problem("it names no product"));
    }
    let time = statement.timestamp.as_deref().or(inherited);
    let time = time.and_then(|time| time.parse().ok());
    for product in statement.products {
        let (target, packages) = match (product_target(&product), packages(&product)) {
            (Ok(target), Ok(packages)) => (target, packages),
            (Err(what), _) | (_, Err(what)) => {
                problems.push(problem(&what));
                // What cannot be read suppresses nothing, and what it denies, it denies of all.
                if reason.is_some() {
                    continue;
                }
                (ImageTarget::default(), Vec::new())
            }
        };
        claims.push(Claim {
            id: id.to_owned(),
            vulnerabilities: vulnerabilities.clone(),
            target,
            packages,
            reason: reason.clone(),
            time,
        });
    }
}

fn names(vulnerability: Named) -> Vec<String> {
    let names = match vulnerability {
        Named::Name(name) => vec![name],
        Named::Object(object) => object.name.into_iter().chain(object.aliases).collect(),
    };
    let names = names
        .into_iter()
        .map(|name| name.trim().to_ascii_uppercase());
    names.filter(|name| !name.is_empty()).collect()
}

/// The purl of a product or component.
fn purl(component: &Named) -> Result<PackageUrl<'static>, String> {
    let written = match component {
        Named::Name(name) => Some(name),
        Named::Object(object) => object.identifiers.get("purl").or(object.id.as_ref()),
    };
    let written =
        written.ok_or("a product or component has neither `identifiers.purl` nor `@id`")?;
    written
        .parse()
        .map_err(|_| format!("{} is no package URL", quoted(written)))
}

/// The images that a product is: `pkg:oci/NAME@DIGEST?repository_url=HOST/NAME&tag=TAG`.
fn product_target(product: &Named) -> Result<ImageTarget, String> {
    let purl = purl(product)?;
    let refused = |what: &str| Err(format!("{} {what}", quoted(&purl.to_string())));
    if purl.ty() != "oci" {
        return refused("is no container image");
    }
    let qualifier = |name: &str| purl.qualifiers().get(name).map(AsRef::<str>::as_ref);
    let mut target = ImageTarget::default();
    if let Some(version) = purl.version() {
        let Ok(digest) = Digest::parse(version) else {
            return refused("has a version that is no digest");
        };
        // A digest is the same image wherever it is, so the rest of the name adds nothing.
        target.digest = Some(digest.to_string());
        return Ok(target);
    }
    if qualifier("arch").is_some() {
        return refused(
            "names an architecture and no digest: of an image, only its digest is known",
        );
    }
    // A glob is no name of an image, and `*` would be all of them.
    let plain = |text: &str| !text.is_empty() && !text.contains(['*', '?']);
    if !plain(purl.name()) {
        return refused("has no name of an image");
    }
    match qualifier("repository_url") {
        Some(url) => {
            let url = url.trim_start_matches("https://").trim_end_matches('/');
            let is_named = url.rsplit('/').next() == Some(purl.name());
            let name = if is_named { "" } else { purl.name() };
            target.location = Some(format!("{url}/{name}").trim_end_matches('/').to_owned());
        }
        None => target.last_part = Some(purl.name().to_owned()),
    }
    match qualifier("tag") {
        Some(tag) if plain(tag) => target.tag = Some(tag.to_owned()),
        Some(_) => return refused("has no plain tag"),
        None => {}
    }
    Ok(target)
}

/// The packages that a product's subcomponents are.
fn packages(product: &Named) -> Result<Vec<PackagePattern>, String> {
    let Named::Object(product) = product else {
        return Ok(Vec::new());
    };
    let pattern = |component: &Named| {
        let purl = purl(component)?;
        let name = match (purl.ty(), purl.namespace()) {
            ("npm" | "golang" | "composer", Some(namespace)) => {
                format!("{namespace}/{}", purl.name())
            }
            ("maven", Some(namespace)) => format!("{namespace}:{}", purl.name()),
            _ => purl.name().to_owned(),
        };
        if name.contains(['*', '?']) {
            return Err(format!("{} is no name of a package", quoted(&name)));
        }
        Ok(PackagePattern {
            name,
            version: purl.version().map(str::to_owned),
        })
    };
    product.subcomponents.iter().map(pattern).collect()
}

/// The claims that suppress, and that no other one takes back.
fn standing(claims: Vec<Claim>) -> Vec<Suppression> {
    let mut denials: BTreeMap<&str, Vec<&Claim>> = BTreeMap::new();
    for claim in claims.iter().filter(|claim| claim.reason.is_none()) {
        for name in &claim.vulnerabilities {
            denials.entry(name).or_default().push(claim);
        }
    }
    let is_taken_back = |claim: &Claim| {
        let names = claim.vulnerabilities.iter();
        let mut against = names
            .filter_map(|name| denials.get(name.as_str()))
            .flatten();
        against.any(|denial| {
            may_meet(&denial.target, &claim.target)
                && packages_may_meet(&denial.packages, &claim.packages)
                && match (claim.time, denial.time) {
                    (Some(claimed), Some(denied)) => denied >= claimed,
                    _ => true,
                }
        })
    };
    let standing: Vec<bool> = claims
        .iter()
        .map(|claim| claim.reason.is_some() && !is_taken_back(claim))
        .collect();
    let claims = claims.into_iter().zip(standing);
    claims
        .filter_map(|(claim, stands)| {
            Some(Suppression {
                reason: claim.reason.filter(|_| stands)?,
                id: claim.id,
                source: Source::Vex,
                vulnerabilities: claim.vulnerabilities,
                rules: Vec::new(),
                packages: claim.packages,
                target: claim.target,
                until: None,
            })
        })
        .collect()
}

/// Whether one image can be both, as far as that can be told. The members hold plain names here.
fn may_meet(one: &ImageTarget, other: &ImageTarget) -> bool {
    let differ =
        |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
    !differ(&one.digest, &other.digest)
        && !differ(&one.location, &other.location)
        && !differ(&one.last_part, &other.last_part)
}

fn packages_may_meet(one: &[PackagePattern], other: &[PackagePattern]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|a| other.iter().any(|b| a.name == b.name))
}

#[cfg(test)]
mod tests;
