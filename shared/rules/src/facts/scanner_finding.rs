//! The forms in which findings come: basic and enhanced scanning in ECR's API, and Amazon Inspector's
//! own, which its events have. Members that are missing or of another form say nothing.

use serde::Deserialize;

use super::{
    Epss, Exploit, FindingStatus, Fix, Package, ScanSeverity, Score, Vulnerability,
    moment::{Loose, Moment},
};

type Text = Loose<String>;

/// One of `findings` (ECR API, `ImageScanFinding`).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct BasicFinding {
    name: Text,
    severity: Text,
    attributes: Loose<Vec<Attribute>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Attribute {
    key: Text,
    value: Text,
}

/// A finding of Amazon Inspector: one of `enhancedFindings` (ECR API, `EnhancedImageScanFinding`), or
/// the `detail` of an `Inspector2 Finding` event (Inspector API, `Finding`), which names its scores
/// otherwise.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct InspectorFinding {
    severity: Text,
    status: Text,
    title: Text,
    first_observed_at: Loose<Moment>,
    last_observed_at: Loose<Moment>,
    exploit_available: Text,
    fix_available: Text,
    epss: Loose<EpssDetails>,
    score: Loose<f64>,
    score_details: Loose<ScoreDetails>,
    inspector_score: Loose<f64>,
    inspector_score_details: Loose<InspectorScoreDetails>,
    package_vulnerability_details: Loose<PackageDetails>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct EpssDetails {
    score: Loose<f64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct ScoreDetails {
    cvss: Loose<CvssDetails>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct InspectorScoreDetails {
    adjusted_cvss: Loose<CvssDetails>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CvssDetails {
    score: Loose<f64>,
    score_source: Text,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PackageDetails {
    vulnerability_id: Text,
    vendor_severity: Text,
    vulnerable_packages: Loose<Vec<VulnerablePackage>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct VulnerablePackage {
    name: Text,
    version: Text,
    release: Text,
    fixed_in_version: Text,
    package_manager: Text,
    source_layer_hash: Text,
}

/// The longest text that is kept of a finding, in characters: names of packages come from images,
/// and many findings are kept.
const LONGEST: usize = 200;

fn bounded(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        // The sign keeps a name that was cut from passing for another one.
        text.push('…');
    }
    text
}

fn text(member: Text) -> Option<String> {
    member.0.filter(|text| !text.is_empty()).map(bounded)
}

fn severity(name: Text) -> ScanSeverity {
    text(name).map_or(ScanSeverity::Undefined, |name| ScanSeverity::parse(&name))
}

impl From<BasicFinding> for Vulnerability {
    fn from(finding: BasicFinding) -> Self {
        let attributes = finding.attributes.0.unwrap_or_default();
        let attribute = |key: &str| {
            let mut attributes = attributes.iter();
            let found = attributes.find(|a| a.key.0.as_deref() == Some(key))?;
            text(found.value.clone())
        };
        let package = Package {
            name: attribute("package_name"),
            version: attribute("package_version"),
            ..Package::default()
        };
        let name = text(finding.name).unwrap_or_default();
        let score = ["CVSS4", "CVSS3", "CVSS2"]
            .iter()
            .find_map(|version| attribute(&format!("{version}_SCORE"))?.parse().ok());
        Self {
            packages: package
                .name
                .is_some()
                .then_some(package)
                .into_iter()
                .collect(),
            score: score.and_then(|score| Score::new(score, None)),
            ..Self::new(name, severity(finding.severity))
        }
    }
}

impl From<InspectorFinding> for Vulnerability {
    fn from(finding: InspectorFinding) -> Self {
        let score = score(&finding);
        let details = finding.package_vulnerability_details.0.unwrap_or_default();
        let listed = details.vulnerable_packages.0.unwrap_or_default();
        let fix = fix(text(finding.fix_available), &listed);
        let status = text(finding.status);
        let exploit = text(finding.exploit_available);
        let name = text(details.vulnerability_id).or_else(|| text(finding.title));
        let epss = finding.epss.0.and_then(|epss| epss.score.0);
        let has_more_packages = listed.len() > Self::MOST_PACKAGES;
        let mut packages: Vec<Package> = listed.into_iter().map(Package::from).collect();
        packages.sort();
        packages.truncate(Self::MOST_PACKAGES);
        Self {
            packages,
            has_more_packages,
            status: status.map_or(FindingStatus::Active, |name| FindingStatus::parse(&name)),
            exploit: exploit.map_or(Exploit::Unknown, |name| Exploit::parse(&name)),
            epss: epss.and_then(Epss::new),
            fix,
            score,
            first_seen: finding.first_observed_at.0.map(|moment| moment.0),
            last_seen: finding.last_observed_at.0.map(|moment| moment.0),
            vendor_severity: text(details.vendor_severity),
            ..Self::new(name.unwrap_or_default(), severity(finding.severity))
        }
    }
}

impl From<VulnerablePackage> for Package {
    fn from(package: VulnerablePackage) -> Self {
        let version = match (text(package.version), text(package.release)) {
            (Some(version), Some(release)) => Some(format!("{version}-{release}")),
            (version, _) => version,
        };
        Self {
            name: text(package.name),
            version,
            fixed_in: text(package.fixed_in_version).filter(|version| version != NO_FIX),
            manager: text(package.package_manager),
            layer: text(package.source_layer_hash),
        }
    }
}

/// The score with its source. A source without details is not known.
fn score(finding: &InspectorFinding) -> Option<Score> {
    let of_ecr = finding.score_details.0.as_ref();
    let of_inspector = finding.inspector_score_details.0.as_ref();
    let details = of_ecr
        .and_then(|details| details.cvss.0.as_ref())
        .or_else(|| of_inspector.and_then(|details| details.adjusted_cvss.0.as_ref()));
    let source = details.and_then(|details| text(details.score_source.clone()));
    let scored = details.and_then(|details| details.score.0);
    let score = scored.or(finding.score.0).or(finding.inspector_score.0)?;
    // Without details, zero is what Inspector gives to what nobody has scored.
    if details.is_none() && score == 0.0 {
        return None;
    }
    Score::new(score, source)
}

const NO_FIX: &str = "NotAvailable";

/// What Inspector says of a fix, and what the versions of the packages say where that is more.
fn fix(stated: Option<String>, packages: &[VulnerablePackage]) -> Fix {
    let versions = || {
        packages
            .iter()
            .map(|package| package.fixed_in_version.0.as_deref())
    };
    let fixed = versions()
        .flatten()
        .filter(|version| *version != NO_FIX)
        .count();
    let is_told_of_all = versions().all(|version| version.is_some());
    let listed = match fixed {
        0 if packages.is_empty() || !is_told_of_all => Fix::Unknown,
        0 => Fix::Unavailable,
        fixed if fixed == packages.len() => Fix::Available,
        _ => Fix::Partial,
    };
    let stated = match stated.map(|name| name.to_ascii_uppercase()).as_deref() {
        Some("YES") => Fix::Available,
        Some("PARTIAL") => Fix::Partial,
        Some("NO") => Fix::Unavailable,
        _ => return listed,
    };
    if listed == Fix::Unknown {
        stated
    } else {
        stated.min(listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::quoted;

    fn enhanced(json: &str) -> Vulnerability {
        serde_json::from_str::<InspectorFinding>(json)
            .unwrap()
            .into()
    }

    #[test]
    fn a_fix_is_what_is_stated_where_no_package_says_less() {
        for (stated, expected) in [
            ("YES", Fix::Available),
            ("partial", Fix::Partial),
            ("NO", Fix::Unavailable),
            ("?", Fix::Unknown),
        ] {
            assert_eq!(fix(Some(stated.to_owned()), &[]), expected, "{stated}");
        }
    }

    #[test]
    fn a_score_of_nothing_counts_where_somebody_gave_it() {
        let score = |json: &str| enhanced(json).score.is_some();
        assert!(!score("{}"));
        assert!(!score(r#"{"inspectorScore":0.0}"#));
        assert!(score(r#"{"inspectorScore":1.0}"#));
        assert!(score(
            r#"{"inspectorScore":0.0,"inspectorScoreDetails":{"adjustedCvss":{"score":0.0,"scoreSource":"NVD"}}}"#
        ));
    }

    #[test]
    fn as_many_packages_as_are_kept_are_all_there_are() {
        let packages = |count: usize| {
            let packages = vec![r#"{"name":"a"}"#; count].join(",");
            enhanced(&format!(
                r#"{{"packageVulnerabilityDetails":{{"vulnerablePackages":[{packages}]}}}}"#
            ))
        };
        let most = Vulnerability::MOST_PACKAGES;
        assert!(!packages(most).has_more_packages);
        assert!(packages(most + 1).has_more_packages);
        assert_eq!(packages(most + 1).packages.len(), most);
    }

    #[test]
    fn a_finding_is_the_same_from_ecr_and_from_inspector() {
        let rest = r#""severity":"HIGH","status":"ACTIVE","exploitAvailable":"NO","fixAvailable":"YES",
            "lastObservedAt":1725555338,
            "packageVulnerabilityDetails":{"vulnerabilityId":"CVE-2026-1","vendorSeverity":"medium","vulnerablePackages":[
                {"name":"libssl3","version":"3.0.13","release":"1","epoch":0,"packageManager":"OS",
                 "fixedInVersion":"0:3.0.14-1","sourceLayerHash":"sha256:aa"}]}"#;
        let ecr = enhanced(&format!(
            r#"{{"firstObservedAt":1725468938.411,"score":7.5,"scoreDetails":{{"cvss":{{"score":7.5,"scoreSource":"NVD"}}}},{rest}}}"#
        ));
        let inspector = enhanced(&format!(
            r#"{{"firstObservedAt":"Wed Sep 04 16:55:38.411 UTC 2024","inspectorScore":7.5,
                "inspectorScoreDetails":{{"adjustedCvss":{{"score":7.5,"scoreSource":"NVD","cvssSource":"NVD"}}}},{rest}}}"#
        ));
        assert_eq!(ecr, inspector);
        assert_eq!(ecr.score, Score::new(7.5, Some("NVD".to_owned())));
        assert_eq!(ecr.fix, Fix::Available);
        assert_eq!(ecr.exploit, Exploit::Unavailable);
        assert_eq!(ecr.package_names().as_deref(), Some("libssl3 3.0.13-1"));
        assert_eq!(ecr.packages[0].layer.as_deref(), Some("sha256:aa"));
        assert_eq!(ecr.vendor_severity.as_deref(), Some("medium"));
        let at = |time: &str| time.parse().ok();
        assert_eq!(ecr.first_seen, at("2024-09-04T16:55:38.411Z"));
        assert_eq!(ecr.last_seen, at("2024-09-05T16:55:38Z"));
    }

    #[test]
    fn basic_scanning_says_neither_whether_there_is_a_fix_nor_an_exploit_nor_since_when() {
        let json = r#"{"name":"CVE-2026-1","severity":"MEDIUM","attributes":[
            {"key":"package_name","value":"curl"},{"key":"package_version","value":"8.1"},
            {"key":"CVSS2_SCORE","value":"4.6"}]}"#;
        let finding: Vulnerability = serde_json::from_str::<BasicFinding>(json).unwrap().into();
        assert_eq!(finding.package_names().as_deref(), Some("curl 8.1"));
        assert_eq!(finding.score, Score::new(4.6, None));
        assert_eq!(
            (finding.fix, finding.exploit),
            (Fix::Unknown, Exploit::Unknown)
        );
        assert_eq!((finding.first_seen, finding.epss), (None, None));
    }

    #[test]
    fn whether_there_is_a_fix_is_what_is_said_or_what_the_versions_say() {
        let package = |fixed: &str| match fixed {
            "" => r#"{"name":"a"}"#.to_owned(),
            fixed => format!(r#"{{"name":"a","fixedInVersion":"{fixed}"}}"#),
        };
        for (stated, packages, expected) in [
            ("", vec![], Fix::Unknown),
            ("", vec![""], Fix::Unknown),
            ("", vec!["NotAvailable"], Fix::Unavailable),
            ("", vec!["NotAvailable", ""], Fix::Unknown),
            ("", vec!["2"], Fix::Available),
            ("", vec!["2", "NotAvailable"], Fix::Partial),
            ("YES", vec![""], Fix::Available),
            ("PARTIAL", vec!["2", ""], Fix::Partial),
            ("NO", vec![], Fix::Unavailable),
            ("NO", vec!["2"], Fix::Available),
            ("YES", vec!["NotAvailable"], Fix::Available),
            ("MAYBE", vec!["NotAvailable"], Fix::Unavailable),
            ("no", vec!["NotAvailable"], Fix::Unavailable),
        ] {
            let listed: Vec<String> = packages.iter().map(|fixed| package(fixed)).collect();
            let finding = enhanced(&format!(
                r#"{{"fixAvailable":"{stated}","packageVulnerabilityDetails":{{"vulnerablePackages":[{}]}}}}"#,
                listed.join(",")
            ));
            assert_eq!(finding.fix, expected, "{stated} {packages:?}");
        }
    }

    #[test]
    fn a_member_of_another_form_is_as_if_it_were_not_there() {
        for member in [
            "epss",
            "score",
            "scoreDetails",
            "inspectorScore",
            "inspectorScoreDetails",
            "firstObservedAt",
            "lastObservedAt",
            "exploitAvailable",
            "fixAvailable",
            "findingArn",
            "status",
            "packageVulnerabilityDetails",
        ] {
            for value in [
                "null",
                "true",
                "7",
                "\"\"",
                "[]",
                "{}",
                "[{}]",
                "{\"score\":\"x\",\"cvss\":4}",
            ] {
                let finding = enhanced(&format!(
                    r#"{{"severity":"HIGH","title":"CVE-1 - a","{member}":{value}}}"#
                ));
                assert!(finding.is_active(), "{member} {value}");
                assert_eq!(finding.severity, ScanSeverity::High, "{member} {value}");
                assert_eq!(finding.name, "CVE-1 - a", "{member} {value}");
            }
        }
        assert_eq!(
            enhanced("{\"severity\":7}").severity,
            ScanSeverity::Undefined
        );
        assert!(enhanced("{\"status\":\"NEW\"}").is_active());
        assert!(!enhanced("{\"status\":\"closed\"}").is_active());
    }

    #[test]
    fn what_a_finding_takes_is_bounded() {
        let long = "x".repeat(100_000);
        let package = format!(r#"{{"name":"{long}","version":"{long}"}}"#);
        let packages = vec![package; 50].join(",");
        let finding = enhanced(&format!(
            r#"{{"packageVulnerabilityDetails":{{"vulnerabilityId":"{long}","vulnerablePackages":[{packages}]}}}}"#
        ));
        assert_eq!(finding.packages.len(), Vulnerability::MOST_PACKAGES);
        assert!(finding.has_more_packages);
        assert!(finding.name.chars().count() <= LONGEST + 1);
        assert!(quoted(&finding.name).ends_with("…`"));
    }
}
