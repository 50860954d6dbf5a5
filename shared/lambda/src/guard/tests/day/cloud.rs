//! The account of the day: images with what is wrong with them, and what runs. It answers the guards' calls.

use super::*;

/// An image, alone in its repository.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    pub(super) repository: String,
    pub(super) digest: String,
    /// Severities of the vulnerabilities that a scan finds, by their ids.
    pub(super) flaws: BTreeMap<String, &'static str>,
    pub(super) is_running: bool,
    pub(super) is_archived: bool,
}

/// What the guards can reach.
#[derive(Debug, Default)]
pub(super) struct Cloud {
    images: Vec<Image>,
    table: Table,
    /// What was published: when, and the alert.
    pub(super) published: Vec<(Timestamp, String)>,
    /// What was put aside.
    pub(super) aside: usize,
}

impl Cloud {
    pub(super) fn add(&mut self, image: Image) {
        self.images.push(image);
    }

    pub(super) fn image(&mut self, digest: &str) -> &mut Image {
        let mut images = self.images.iter_mut();
        images.find(|image| image.digest == digest).unwrap()
    }

    /// A client pushes it, which takes it out of the archive.
    pub(super) fn push(&mut self, digest: &str) {
        self.image(digest).is_archived = false;
    }

    pub(super) fn answer(&mut self, call: &Call) -> Answer {
        if let Some(answer) = self.table.answer(call) {
            return answer;
        }
        let answer = match call.operation.as_str() {
            "DescribeImageScanFindings" => self.scan(call),
            "DescribeImages" => self.listing(call),
            "UpdateImageStorageClass" => {
                let digest = call.parameters["imageId"]["imageDigest"].as_str().unwrap();
                self.image(digest).is_archived = true;
                json!({})
            }
            "ListClusters" => {
                json!({"clusterArns": [format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/prod")]})
            }
            "ListTasks" => {
                let running = self.running();
                json!({"taskArns": running.map(task).collect::<Vec<_>>()})
            }
            "DescribeTasks" => {
                json!({"tasks": self.running().map(described).collect::<Vec<_>>()})
            }
            "ListServices" => json!({"serviceArns": []}),
            "Publish" => {
                let message: Value =
                    serde_json::from_str(call.parameters["Message"].as_str().unwrap()).unwrap();
                let alert = message["default"].as_str().unwrap().to_owned();
                self.published.push((clock(), alert));
                json!({})
            }
            "SendMessage" => {
                self.aside += 1;
                json!({})
            }
            "DeregisterTaskDefinition" => json!({}),
            other => panic!("the account of the day does not know {other}"),
        };
        Answer::json(answer.to_string())
    }

    fn running(&self) -> impl Iterator<Item = &Image> {
        self.images.iter().filter(|image| image.is_running)
    }

    fn scan(&mut self, call: &Call) -> Value {
        let digest = call.parameters["imageId"]["imageDigest"].as_str().unwrap();
        let image = self.image(digest);
        if image.is_archived {
            return json!({"imageScanStatus": {"status": "IMAGE_ARCHIVED"}});
        }
        let finding = |(id, severity): (&String, &&str)| {
            json!({"severity": severity, "status": "ACTIVE", "type": "PACKAGE_VULNERABILITY",
                "fixAvailable": "YES", "exploitAvailable": "NO",
                "packageVulnerabilityDetails": {"vulnerabilityId": id,
                    "vulnerablePackages": [{"name": "libexpat1", "version": "2.5.0", "fixedInVersion": "2.5.1"}]}})
        };
        let findings: Vec<Value> = image.flaws.iter().map(finding).collect();
        json!({"imageScanStatus": {"status": "ACTIVE"}, "imageScanFindings": {"enhancedFindings": findings}})
    }

    /// The image of a repository, whoever asks for it by whatever.
    fn listing(&self, call: &Call) -> Value {
        let repository = &call.parameters["repositoryName"];
        let here = self
            .images
            .iter()
            .filter(|image| *repository == image.repository);
        let details = here.map(|image| {
            let status = if image.is_archived {
                "ARCHIVED"
            } else {
                "ACTIVE"
            };
            json!({"imageDigest": image.digest, "imageTags": ["1.0"], "imageStatus": status,
                "imageManifestMediaType": "application/vnd.oci.image.manifest.v1+json"})
        });
        json!({"imageDetails": details.collect::<Vec<_>>()})
    }
}

fn task(image: &Image) -> String {
    let id = image.digest.get(7..39).unwrap();
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task/prod/{id}")
}

fn described(image: &Image) -> Value {
    let name = image.repository.replace('/', "-");
    let reference = format!(
        "{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{}:1.0",
        image.repository
    );
    json!({"taskArn": task(image), "clusterArn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/prod"),
        "group": format!("service:{name}"),
        "taskDefinitionArn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{name}:7"),
        "containers": [{"name": "app", "image": reference, "imageDigest": image.digest}]})
}
