//! Secrets, and the places in a definition where one can stand. It names nothing of the program, so
//! that the tests of other crates include this file too.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// Values of which no two have a part in common. They are made here, so that no file holds what a
/// scanner of repositories takes for a secret.
pub(crate) struct Planted {
    state: u64,
    /// Every run of so many characters of a value, and where that was planted.
    parts: BTreeMap<Vec<u8>, String>,
}

const PART: usize = 8;

impl Planted {
    pub(crate) fn new() -> Self {
        Self {
            state: 0x2545_f491_4f6c_dd1d,
            parts: BTreeMap::new(),
        }
    }

    /// Letters and digits of all kinds, as a generator makes them.
    fn random(&mut self, length: usize, alphabet: &[u8]) -> String {
        let draw = |_| {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            let index = usize::try_from(self.state >> 33).unwrap() % alphabet.len();
            char::from(alphabet[index])
        };
        (0..length).map(draw).collect()
    }

    /// A secret of the shape, planted at the place.
    pub(crate) fn plant(&mut self, shape: Shape, place: &str) -> String {
        const MIXED: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        const UPPER: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ234567";
        let body = self.random(36, MIXED);
        let secret = match shape {
            Shape::KeyId => format!("AK{}{}", "IA", self.random(16, UPPER)),
            Shape::Token => format!("gh{}{body}", "p_"),
            Shape::Chat => format!("xo{}{}-{}", "xb-", self.random(12, b"123456789"), body),
            Shape::Random => format!("{body}{}", self.random(6, MIXED)),
            Shape::Words => format!("correct horse {}", self.random(12, MIXED)),
        };
        for part in secret.as_bytes().windows(PART) {
            // What all pass phrases begin with is no part of one alone.
            if !b"correct horse ".windows(PART).any(|common| common == part) {
                self.parts
                    .insert(part.to_vec(), format!("{shape:?} at {place}"));
            }
        }
        secret
    }

    pub(crate) fn assert_not_in(&self, output: &[u8], what: &str) {
        let lines: BTreeSet<&[u8]> = output.split(|byte| *byte == b'\n').collect();
        let mut leaks = BTreeSet::new();
        for line in lines {
            for part in line.windows(PART) {
                if let Some(place) = self.parts.get(part) {
                    leaks.insert(format!("{place}: {}", String::from_utf8_lossy(line)));
                }
            }
        }
        assert!(leaks.is_empty(), "{what}: {} leaks {leaks:#?}", leaks.len());
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    KeyId,
    Token,
    Chat,
    /// Nothing but random.
    Random,
    /// Nothing that tells it from other text.
    Words,
}

/// A secret of a provider: in a name, only such can be told from a name.
pub(crate) const FORMED: &[Shape] = &[Shape::KeyId, Shape::Token, Shape::Chat];
/// Where values stand that are shown because they are wrong.
pub(crate) const SHOWN: &[Shape] = &[Shape::KeyId, Shape::Token, Shape::Random];
/// Where secrets live, and where a value of another type belongs: nothing of it is ever shown.
const ANY: &[Shape] = &[Shape::Token, Shape::Random, Shape::Words];

/// A place in a definition, the text that is put there, with `{}` for the secret, and which shapes.
type Place = (&'static str, &'static str, &'static [Shape]);

const PLACES: &[Place] = &[
    ("/family", "{}", FORMED),
    ("/networkMode", "{}", SHOWN),
    ("/pidMode", "{}", SHOWN),
    ("/ipcMode", "{}", SHOWN),
    ("/cpu", "{}", SHOWN),
    ("/memory", "{}", SHOWN),
    ("/requiresCompatibilities/0", "{}", SHOWN),
    ("/runtimePlatform/operatingSystemFamily", "{}", SHOWN),
    ("/placementConstraints/0/expression", "{}", SHOWN),
    ("/taskRoleArn", "{}", SHOWN),
    ("/enableFaultInjection", "{}", ANY),
    ("/tags/0/key", "{}", FORMED),
    ("/tags/0/value", "{}", ANY),
    ("/tags", "{}", ANY),
    ("/volumes", "{}", ANY),
    ("/volumes/0", "{}", ANY),
    ("/volumes/0/name", "{}", FORMED),
    ("/volumes/0/host/sourcePath", "/etc/{}", SHOWN),
    (
        "/volumes/0/dockerVolumeConfiguration/driverOpts/device",
        "//u:{}@host/etc",
        SHOWN,
    ),
    (
        "/volumes/0/dockerVolumeConfiguration/driverOpts/o",
        "username=u,password={}",
        ANY,
    ),
    ("/volumes/0/dockerVolumeConfiguration/driverOpts", "{}", ANY),
    (
        "/volumes/0/efsVolumeConfiguration/transitEncryption",
        "{}",
        ANY,
    ),
    (
        "/volumes/0/efsVolumeConfiguration/rootDirectory",
        "/{}",
        ANY,
    ),
    (
        "/volumes/0/efsVolumeConfiguration/authorizationConfig/accessPointId",
        "{}",
        ANY,
    ),
    (
        "/volumes/0/efsVolumeConfiguration/authorizationConfig",
        "{}",
        ANY,
    ),
    ("/proxyConfiguration/properties/0/value", "{}", ANY),
    ("/containerDefinitions", "{}", ANY),
    ("/containerDefinitions/0", "{}", ANY),
    ("/containerDefinitions/0/name", "{}", FORMED),
    (
        "/containerDefinitions/0/image",
        "https://user:{}@registry.example/app:1",
        ANY,
    ),
    (
        "/containerDefinitions/0/image",
        "user:{}@registry.example/app:1",
        ANY,
    ),
    (
        "/containerDefinitions/0/image",
        "user:{}@registry.example/app@sha256:00",
        ANY,
    ),
    (
        "/containerDefinitions/0/image",
        "registry.example:{}/app:1",
        SHOWN,
    ),
    (
        "/containerDefinitions/0/image",
        "registry.example/app:{}",
        SHOWN,
    ),
    (
        "/containerDefinitions/0/image",
        "registry.example/app@{}",
        SHOWN,
    ),
    ("/containerDefinitions/0/image", "{}", SHOWN),
    ("/containerDefinitions/0/user", "{}", SHOWN),
    ("/containerDefinitions/0/cpu", "{}", ANY),
    ("/containerDefinitions/0/memory", "{}", ANY),
    ("/containerDefinitions/0/privileged", "{}", ANY),
    ("/containerDefinitions/0/readonlyRootFilesystem", "{}", ANY),
    ("/containerDefinitions/0/environment", "{}", ANY),
    ("/containerDefinitions/0/environment/0", "{}", ANY),
    ("/containerDefinitions/0/environment/0/name", "{}", FORMED),
    ("/containerDefinitions/0/environment/0/value", "{}", ANY),
    ("/containerDefinitions/0/environment/1/value", "{}", ANY),
    (
        "/containerDefinitions/0/environment/2/value",
        "postgres://app:{}@db/app",
        ANY,
    ),
    (
        "/containerDefinitions/0/environment/2/value",
        "http://169.254.169.254/?token={}",
        ANY,
    ),
    ("/containerDefinitions/0/environmentFiles", "{}", ANY),
    ("/containerDefinitions/0/command", "{}", ANY),
    ("/containerDefinitions/0/command/0", "{}", ANY),
    ("/containerDefinitions/0/command/1", "{}", ANY),
    (
        "/containerDefinitions/0/command/2",
        "curl -u admin:{} http://169.254.169.254/",
        ANY,
    ),
    ("/containerDefinitions/0/entryPoint", "{}", ANY),
    ("/containerDefinitions/0/entryPoint/0", "--token={}", ANY),
    ("/containerDefinitions/0/healthCheck", "{}", ANY),
    (
        "/containerDefinitions/0/healthCheck/command/1",
        "curl -H 'x-api-key: {}' localhost",
        ANY,
    ),
    ("/containerDefinitions/0/dockerLabels", "{}", ANY),
    ("/containerDefinitions/0/dockerLabels/api.token", "{}", ANY),
    ("/containerDefinitions/0/logConfiguration", "{}", ANY),
    (
        "/containerDefinitions/0/logConfiguration/logDriver",
        "{}",
        ANY,
    ),
    (
        "/containerDefinitions/0/logConfiguration/options/splunk-token",
        "{}",
        ANY,
    ),
    (
        "/containerDefinitions/0/logConfiguration/options/mode",
        "{}",
        ANY,
    ),
    (
        "/containerDefinitions/0/logConfiguration/secretOptions/0/valueFrom",
        "{}",
        ANY,
    ),
    (
        "/containerDefinitions/0/extraHosts/0/hostname",
        "{}",
        FORMED,
    ),
    ("/containerDefinitions/0/extraHosts/0/ipAddress", "{}", ANY),
    (
        "/containerDefinitions/0/systemControls/0/namespace",
        "{}",
        SHOWN,
    ),
    ("/containerDefinitions/0/systemControls/0/value", "{}", ANY),
    ("/containerDefinitions/0/links/0", "{}", FORMED),
    (
        "/containerDefinitions/0/dockerSecurityOptions/0",
        "credentialspec:{}",
        ANY,
    ),
    ("/containerDefinitions/0/dockerSecurityOptions/0", "{}", ANY),
    (
        "/containerDefinitions/0/credentialSpecs/0",
        "credentialspec:{}",
        ANY,
    ),
    ("/containerDefinitions/0/credentialSpecs/0", "{}", ANY),
    ("/containerDefinitions/0/linuxParameters", "{}", ANY),
    (
        "/containerDefinitions/0/linuxParameters/capabilities/add/0",
        "{}",
        SHOWN,
    ),
    (
        "/containerDefinitions/0/linuxParameters/capabilities/drop/0",
        "{}",
        ANY,
    ),
    (
        "/containerDefinitions/0/linuxParameters/devices/0/hostPath",
        "/dev/{}",
        SHOWN,
    ),
    (
        "/containerDefinitions/0/mountPoints/0/sourceVolume",
        "{}",
        ANY,
    ),
    (
        "/containerDefinitions/0/mountPoints/0/containerPath",
        "{}",
        ANY,
    ),
    (
        "/containerDefinitions/0/portMappings/0/hostPort",
        "{}",
        SHOWN,
    ),
    (
        "/containerDefinitions/0/portMappings/0/containerPort",
        "{}",
        SHOWN,
    ),
    ("/containerDefinitions/0/ulimits/0/name", "{}", ANY),
    ("/containerDefinitions/0/ulimits/0/hardLimit", "{}", ANY),
    ("/containerDefinitions/0/versionConsistency", "{}", ANY),
    (
        "/containerDefinitions/0/repositoryCredentials/credentialsParameter",
        "{}",
        ANY,
    ),
    ("/containerDefinitions/0/repositoryCredentials", "{}", ANY),
    ("/containerDefinitions/0/secrets/0/valueFrom", "{}", ANY),
    ("/containerDefinitions/0/restartPolicy/enabled", "{}", ANY),
];

pub(crate) fn base() -> Value {
    json!({
        "family": "web", "networkMode": "bridge",
        "tags": [{"key": "a", "value": "b"}],
        "volumes": [{"name": "data", "host": {}}],
        "containerDefinitions": [{
            "name": "app", "image": "app", "privileged": true, "user": "0",
            "environment": [
                {"name": "DB_PASSWORD", "value": ""}, {"name": "GREETING", "value": "a"},
                {"name": "ENDPOINT", "value": "b"},
            ],
            "command": ["--password", "a", "b"], "healthCheck": {"command": ["CMD-SHELL", "true"]},
            "extraHosts": [{"hostname": "h", "ipAddress": "169.254.169.254"}],
            "systemControls": [{"namespace": "kernel.msgmax", "value": "1"}],
            "mountPoints": [{"sourceVolume": "data", "containerPath": "/d"}],
            "logConfiguration": {"logDriver": "splunk"},
            "portMappings": [{"containerPort": 80, "hostPort": 80}],
            "ulimits": [{"name": "core", "softLimit": 0, "hardLimit": -1}],
        }],
    })
}

/// Puts a value where the pointer leads, making what is not there on the way.
pub(crate) fn put(mut at: &mut Value, pointer: &str, value: Value) {
    for step in pointer.split('/').skip(1) {
        at = match step.parse::<usize>() {
            Ok(index) => {
                if !at.is_array() {
                    *at = json!([]);
                }
                let list = at.as_array_mut().unwrap();
                while list.len() <= index {
                    list.push(json!({}));
                }
                &mut list[index]
            }
            Err(_) => &mut at[step],
        };
    }
    *at = value;
}

/// A definition with a secret at each place, and names of members that are secrets.
pub(crate) fn definitions(planted: &mut Planted) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (pointer, text, shapes) in PLACES {
        for shape in *shapes {
            let place = format!("{pointer} as {text}");
            let secret = planted.plant(*shape, &place);
            let mut definition = base();
            if pointer.contains("efsVolume") || pointer.contains("dockerVolume") {
                definition["volumes"][0] = json!({"name": "data"});
            }
            put(&mut definition, pointer, json!(text.replace("{}", &secret)));
            all.push((place, definition));
        }
    }
    for holder in [
        "/containerDefinitions/0/dockerLabels",
        "/containerDefinitions/0/logConfiguration/options",
        "/volumes/0/dockerVolumeConfiguration/driverOpts",
        "/containerDefinitions/0",
        "",
    ] {
        for shape in FORMED {
            let name = planted.plant(*shape, &format!("a name in {holder}"));
            let value = planted.plant(Shape::Token, &format!("{holder} under a secret name"));
            for value in [json!(value), json!([value]), json!({ value: 1 })] {
                let mut definition = base();
                put(&mut definition, &format!("{holder}/{name}"), value);
                all.push((format!("a name in {holder}"), definition));
            }
        }
    }
    all
}
