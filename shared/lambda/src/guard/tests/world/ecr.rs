//! ECR as the guards see it: repositories, manifests, the archive, and scans.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    population::{Kind, Spec},
    *,
};

/// A manifest in its repository.
#[derive(Debug, Clone, Default)]
pub(super) struct Manifest {
    pub(super) is_archived: bool,
    pub(super) tags: BTreeSet<String>,
    pub(super) scan: Scan,
    /// How many times it came to where it can be pulled.
    pub(super) arrivals: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Scan {
    /// Of what is not scanned.
    #[default]
    None,
    /// This one is under way; a later one has a greater number.
    UnderWay(u64),
    /// It has a result.
    Done,
}

/// All repositories of the account.
#[derive(Debug)]
pub(super) struct Registry {
    /// Enhanced scanning finds what is published later, and tells of each finding.
    pub(super) is_enhanced: bool,
    pub(super) images: BTreeMap<ImageId, Manifest>,
    /// CVEs and their severities by what they are in, known to the scanner whether it has looked or not.
    flaws: BTreeMap<String, Vec<(String, &'static str)>>,
    scans: u64,
    /// Scans that have begun since they were last asked for.
    pub(super) begun: Vec<(ImageId, u64)>,
}

impl Registry {
    pub(super) fn new(is_enhanced: bool) -> Self {
        Self {
            is_enhanced,
            images: BTreeMap::new(),
            flaws: BTreeMap::new(),
            scans: 0,
            begun: Vec::new(),
        }
    }

    pub(super) fn flaws(&self, id: ImageId) -> &[(String, &'static str)] {
        let flaws = self.flaws.get(&IMAGES[id].digest());
        flaws.map_or(&[], Vec::as_slice)
    }

    /// Whether the default policy denies it.
    pub(super) fn is_bad(&self, id: ImageId) -> bool {
        let mut flaws = self.flaws(id).iter();
        flaws.any(|(_, severity)| *severity == "CRITICAL")
    }

    pub(super) fn is_pullable(&self, id: ImageId) -> bool {
        self.images.get(&id).is_some_and(|it| !it.is_archived)
    }

    /// A client pushes an image, of an index what it leads to first. What is in the archive comes back
    /// by it. Gives what ECR announces.
    pub(super) fn push(&mut self, id: ImageId, tag: Option<&str>) -> Vec<Value> {
        let spec = &IMAGES[id];
        let mut events = Vec::new();
        for (child, _) in spec.children {
            // Clients ask first, and push no more than what cannot be pulled.
            if !self.is_pullable(*child) {
                events.extend(self.push(*child, None));
            }
        }
        let is_back = !self.is_pullable(id);
        let known = self.images.entry(id).or_default();
        let is_tagged = tag.is_some_and(|tag| known.tags.insert(tag.to_owned()));
        if is_back {
            self.come_back(id);
        }
        // Of what is there already nothing is announced.
        if is_back || is_tagged {
            let mut detail = action(spec, "PUSH");
            detail["image-tag"] = json!(tag);
            events.push(announced(
                "aws.ecr",
                "ECR Image Action",
                &json!([]),
                &detail,
            ));
        }
        events
    }

    /// A person takes an image out of the archive.
    pub(super) fn restore(&mut self, id: ImageId) -> Vec<Value> {
        if !self.images.get(&id).is_some_and(|it| it.is_archived) {
            return Vec::new();
        }
        self.come_back(id);
        let mut detail = action(&IMAGES[id], "UPDATE_STORAGE_CLASS");
        detail["target-storage-class"] = json!("STANDARD");
        vec![announced(
            "aws.ecr",
            "ECR Image Action",
            &json!([]),
            &detail,
        )]
    }

    /// What ECR knew of it went with the archiving, so it is scanned anew.
    fn come_back(&mut self, id: ImageId) {
        self.scans += 1;
        let scan = match IMAGES[id].kind {
            Kind::Image => {
                self.begun.push((id, self.scans));
                Scan::UnderWay(self.scans)
            }
            Kind::Index | Kind::Attestation => Scan::None,
        };
        let known = self.images.entry(id).or_default();
        known.is_archived = false;
        known.scan = scan;
        known.arrivals += 1;
    }

    /// A scan ends, unless the image has gone into the archive since.
    pub(super) fn end_scan(&mut self, id: ImageId, number: u64) -> Vec<Value> {
        let known = self.images.get_mut(&id).unwrap();
        if known.scan != Scan::UnderWay(number) || known.is_archived {
            return Vec::new();
        }
        known.scan = Scan::Done;
        let spec = &IMAGES[id];
        let tags = json!(known.tags);
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, severity) in self.flaws(id) {
            *counts.entry(severity).or_default() += 1;
        }
        let (source, kind, status, name) = if self.is_enhanced {
            let status = "INITIAL_SCAN_COMPLETE";
            ("aws.inspector2", "Inspector2 Scan", status, spec.arn())
        } else {
            let name = spec.repository.to_owned();
            ("aws.ecr", "ECR Image Scan", "COMPLETE", name)
        };
        let detail = json!({"scan-status": status, "repository-name": name, "image-digest": spec.digest(),
            "image-tags": tags, "finding-severity-counts": counts});
        let mut events = vec![announced(source, kind, &json!([spec.arn()]), &detail)];
        if self.is_enhanced {
            let flaws = self.flaws(id).iter();
            events.extend(flaws.map(|(cve, severity)| finding(spec, cve, severity)));
        }
        events
    }

    /// A CVE is published that is in an image, wherever that is. What is in the archive is not looked
    /// at, and basic scanning looks once.
    pub(super) fn publish(&mut self, id: ImageId, severity: &'static str) -> Vec<Value> {
        let digest = IMAGES[id].digest();
        let same: Vec<ImageId> = (0..IMAGES.len())
            .filter(|other| IMAGES[*other].digest() == digest)
            .collect();
        let is_known = same.iter().any(|id| self.images.contains_key(id));
        if IMAGES[id].kind != Kind::Image || (is_known && !self.is_enhanced) {
            return Vec::new();
        }
        let flaws = self.flaws.entry(digest).or_default();
        let cve = format!("CVE-2026-{}{}", IMAGES[id].pair, flaws.len());
        flaws.push((cve.clone(), severity));
        let scanned = same.into_iter().filter(|id| {
            let known = self.images.get(id);
            known.is_some_and(|it| !it.is_archived && it.scan == Scan::Done)
        });
        scanned
            .map(|id| finding(&IMAGES[id], &cve, severity))
            .collect()
    }

    /// The image that a call is about.
    pub(super) fn named(call: &Call, id: &Value) -> Option<ImageId> {
        let repository = call.parameters["repositoryName"].as_str()?;
        let digest = id["imageDigest"].as_str()?;
        let mut images = IMAGES.iter();
        images.position(|spec| spec.repository == repository && spec.digest() == digest)
    }

    fn found(&self, call: &Call, id: &Value) -> Result<ImageId, Answer> {
        let id = Self::named(call, id).filter(|id| self.images.contains_key(id));
        id.ok_or_else(|| Answer::error(400, "ImageNotFoundException", "The image does not exist"))
    }

    /// The answer to a call; `None` where it is none of ECR's.
    pub(super) fn answer(&mut self, call: &Call) -> Option<Answer> {
        let answer = match call.operation.as_str() {
            "DescribeImageScanFindings" => self.describe_scan(call),
            "DescribeImages" => Ok(self.describe_images(call)),
            "BatchGetImage" => Ok(self.manifests(call)),
            "UpdateImageStorageClass" => self.archive(call),
            _ => return None,
        };
        Some(answer.unwrap_or_else(|error| error))
    }

    fn describe_scan(&self, call: &Call) -> Result<Answer, Answer> {
        let id = self.found(call, &call.parameters["imageId"])?;
        let known = &self.images[&id];
        let status = match (known.is_archived, &known.scan) {
            (true, _) => "IMAGE_ARCHIVED",
            (false, Scan::None) => {
                return Err(Answer::error(400, "ScanNotFoundException", "no scan"));
            }
            (false, Scan::UnderWay(_)) if self.is_enhanced => "PENDING",
            (false, Scan::UnderWay(_)) => "IN_PROGRESS",
            (false, Scan::Done) if self.is_enhanced => "ACTIVE",
            (false, Scan::Done) => "COMPLETE",
        };
        let mut body = json!({"imageScanStatus": {"status": status}});
        if matches!(status, "ACTIVE" | "COMPLETE") {
            // So few a page that none of these images fits on one.
            let (page, next) = page(self.flaws(id), call, 1);
            let finding = |(cve, severity): &(String, &str)| {
                if self.is_enhanced {
                    json!({"severity": severity, "status": "ACTIVE", "type": "PACKAGE_VULNERABILITY",
                        "packageVulnerabilityDetails": {"vulnerabilityId": cve}})
                } else {
                    json!({"name": cve, "severity": severity})
                }
            };
            let findings: Vec<Value> = page.iter().map(finding).collect();
            let list = if self.is_enhanced {
                "enhancedFindings"
            } else {
                "findings"
            };
            body["imageScanFindings"] = json!({list: findings});
            body["nextToken"] = json!(next);
        }
        Ok(Answer::json(body.to_string()))
    }

    fn describe_images(&self, call: &Call) -> Answer {
        let filter = call.parameters["filter"]["imageStatus"].as_str();
        let wanted = |id: &ImageId, known: &Manifest| {
            let is_here = call.parameters["repositoryName"] == IMAGES[*id].repository;
            let is_listed = match filter {
                Some("ANY") => true,
                Some("ARCHIVED") => known.is_archived,
                _ => !known.is_archived,
            };
            is_here && is_listed
        };
        let listed: Vec<Value> = self
            .images
            .iter()
            .filter(|(id, known)| wanted(id, known))
            .map(|(id, known)| {
                let status = if known.is_archived { "ARCHIVED" } else { "ACTIVE" };
                json!({"imageDigest": IMAGES[*id].digest(), "imageManifestMediaType": IMAGES[*id].media_type(),
                    "imageTags": known.tags, "imageStatus": status})
            })
            .collect();
        let (page, next) = page(&listed, call, 3);
        Answer::json(json!({"imageDetails": page, "nextToken": next}).to_string())
    }

    fn manifests(&self, call: &Call) -> Answer {
        let (mut images, mut failures) = (Vec::new(), Vec::new());
        for asked in call.parameters["imageIds"].as_array().unwrap() {
            let id = Self::named(call, asked).filter(|id| self.is_pullable(*id));
            match id.map(|id| &IMAGES[id]) {
                Some(spec) => images.push(json!({"imageId": {"imageDigest": spec.digest()},
                    "imageManifest": spec.manifest().to_string(),
                    "imageManifestMediaType": spec.media_type()})),
                None => failures.push(json!({"imageId": asked, "failureCode": "ImageNotFound"})),
            }
        }
        Answer::json(json!({"images": images, "failures": failures}).to_string())
    }

    fn archive(&mut self, call: &Call) -> Result<Answer, Answer> {
        let id = self.found(call, &call.parameters["imageId"])?;
        assert_eq!(
            call.parameters["targetStorageClass"], "ARCHIVE",
            "guards release nothing"
        );
        let above = IMAGES.iter().enumerate().find(|(index, spec)| {
            let leads = spec.children.iter().any(|(child, _)| *child == id);
            leads && self.is_pullable(*index)
        });
        if above.is_some() {
            let message = "The image is referenced by a manifest list that is not archived";
            let code = "ImageStorageClassUpdateNotSupportedException";
            return Err(Answer::error(400, code, message));
        }
        self.images.get_mut(&id).unwrap().is_archived = true;
        Ok(Answer::empty())
    }
}

/// The page that a call asks for, and the token of the next.
pub(super) fn page<'a, T>(all: &'a [T], call: &Call, size: usize) -> (&'a [T], Option<String>) {
    let token = call.parameters["nextToken"].as_str();
    let start: usize = token.map_or(0, |token| token.parse().unwrap());
    let end = all.len().min(start + size);
    let next = (end < all.len()).then(|| end.to_string());
    (&all[start..end], next)
}

fn action(spec: &Spec, action: &str) -> Value {
    json!({"result": "SUCCESS", "repository-name": spec.repository, "image-digest": spec.digest(),
        "action-type": action, "manifest-media-type": spec.media_type()})
}

fn finding(spec: &Spec, cve: &str, severity: &str) -> Value {
    let id = format!("{}/{}", spec.arn(), spec.digest());
    let image =
        json!({"repositoryName": spec.repository, "registry": ACCOUNT, "imageHash": spec.digest()});
    let detail = json!({
        "awsAccountId": ACCOUNT, "type": "PACKAGE_VULNERABILITY", "status": "ACTIVE", "severity": severity,
        "findingArn": format!("arn:aws:inspector2:{REGION}:{ACCOUNT}:finding/{cve}"),
        "packageVulnerabilityDetails": {"vulnerabilityId": cve},
        "resources": [{"type": "AWS_ECR_CONTAINER_IMAGE", "id": id,
            "details": {"awsEcrContainerImage": image}}],
    });
    announced(
        "aws.inspector2",
        "Inspector2 Finding",
        &json!([id]),
        &detail,
    )
}
