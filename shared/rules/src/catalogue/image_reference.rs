//! Image references as container runtimes read them.

use std::borrow::Cow;

use crate::names::{Digest, Place, Repository};

/// `[HOST/]REPOSITORY[:TAG][@DIGEST]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageReference<'a> {
    /// The registry in lower case, with its port; `docker.io` where the reference names none.
    pub(crate) host: Cow<'a, str>,
    /// The repository, with the `library/` that Docker Hub's official images leave out.
    pub(crate) repository: Cow<'a, str>,
    pub(crate) tag: Option<&'a str>,
    pub(crate) digest: Option<&'a str>,
}

const DOCKER_HUB: &str = "docker.io";

/// What a byte may be in. Three rules ask for each image, of every byte of it.
type Places = u8;
const TAG: Places = 1;
const PATH: Places = 2;
const LOWER_HOST: Places = 4;

#[expect(clippy::indexing_slicing, reason = "there are as many as bytes")]
static PLACES: [Places; 256] = {
    let mut places = [0; 256];
    let mut byte = 0_u8;
    while byte.is_ascii() {
        let is_digit = byte.is_ascii_digit();
        let of_tag = byte.is_ascii_alphabetic() || is_digit || matches!(byte, b'.' | b'_' | b'-');
        let of_host = byte.is_ascii_lowercase()
            || is_digit
            || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
        let mut of = 0;
        if of_tag {
            of |= TAG | PATH;
        }
        if byte == b'/' {
            of |= PATH;
        }
        if of_host {
            of |= LOWER_HOST;
        }
        places[byte as usize] = of;
        byte += 1;
    }
    places
};

fn is_made_of(text: &str, place: Places) -> bool {
    let mut bytes = text.bytes();
    bytes.all(|byte| {
        PLACES
            .get(usize::from(byte))
            .is_some_and(|of| of & place != 0)
    })
}

impl<'a> ImageReference<'a> {
    /// Reads a reference; `None` for what no runtime would pull, such as an unfilled template.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) if Digest::is_one(digest) => (name, Some(digest)),
            Some(_) => return None,
            None => (text, None),
        };
        // Only behind the last slash is a colon the tag's; before it, it is the port's.
        let last = name.rsplit_once('/').map_or(name, |(_, last)| last);
        let (name, tag) = match last.split_once(':') {
            Some((_, tag)) => (name.strip_suffix(tag)?.strip_suffix(':')?, Some(tag)),
            None => (name, None),
        };
        let (host, path) = match name.split_once('/') {
            Some((host, path)) if is_host(host) => (registry(host)?, path),
            _ => (DOCKER_HUB.into(), name),
        };
        let is_path = !path.is_empty()
            && is_made_of(path, PATH)
            && !path.starts_with('/')
            && !path.ends_with('/')
            && !path.as_bytes().windows(2).any(|pair| pair == b"//");
        let is_tag = tag.is_none_or(|tag| !tag.is_empty() && is_made_of(tag, TAG));
        if !is_path || !is_tag {
            return None;
        }
        let repository = if host == DOCKER_HUB && !path.contains('/') {
            format!("library/{path}").into()
        } else {
            path.into()
        };
        Some(Self {
            host,
            repository,
            tag,
            digest,
        })
    }

    /// The account of the private ECR registry that the image is in. The whole host counts, so that
    /// a host which only begins like one is none.
    pub(crate) fn ecr_account(&self) -> Option<&str> {
        self.ecr_registry().map(|(account, _)| account)
    }

    /// The repository of a private ECR registry that the image is in.
    pub(crate) fn ecr_repository(&self) -> Option<Repository> {
        let (account, region) = self.ecr_registry()?;
        let place = Place::of_region(region, account).ok()?;
        Repository::new(place, &self.repository).ok()
    }

    /// The account and region of the private ECR registry that the image is in; see
    /// [`Self::ecr_account`].
    pub(crate) fn ecr_registry(&self) -> Option<(&str, &str)> {
        let (account, rest) = self.host.split_once('.')?;
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let region = ECR_HOSTS.iter().find_map(|(services, suffix)| {
            let region = services
                .iter()
                .find_map(|service| rest.strip_prefix(service)?.strip_suffix(suffix));
            region.filter(|region| !region.is_empty() && !region.contains('.'))
        });
        Some((account, region.filter(|_| is_account)?))
    }
}

/// What stands before and behind the region in the hosts of private ECR registries, behind the account.
const ECR_HOSTS: &[(&[&str], &str)] = &[
    (ECR, ".amazonaws.com"),
    (ECR, ".amazonaws.com.cn"),
    (ECR, ".c2s.ic.gov"),
    (ECR, ".sc2s.sgov.gov"),
    (DUAL_STACK, ".on.aws"),
    (DUAL_STACK, ".on.amazonwebservices.com.cn"),
];
const ECR: &[&str] = &["dkr.ecr.", "dkr.ecr-fips."];
const DUAL_STACK: &[&str] = &["dkr-ecr.", "dkr-ecr-fips."];

/// The registry at a host, in lower case; `None` where it cannot be one.
fn registry(host: &str) -> Option<Cow<'_, str>> {
    let host = if is_made_of(host, LOWER_HOST) {
        Cow::Borrowed(host)
    } else {
        Some(host.to_ascii_lowercase())
            .filter(|host| is_made_of(host, LOWER_HOST))?
            .into()
    };
    Some(if host == "index.docker.io" {
        DOCKER_HUB.into()
    } else {
        host
    })
}

/// Docker's rule: what stands before the first slash is a host where it could not be a part of a
/// repository's name on Docker Hub.
fn is_host(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'.' | b':'))
        || text == "localhost"
        || text.contains(char::is_uppercase)
}

/// A registry takes no user in a reference, but people write one, with a password behind it.
pub(super) fn without_user(image: &str) -> &str {
    let digest = image.find("@sha256:").unwrap_or(image.len());
    let name = image.get(..digest).unwrap_or(image);
    let start = name.rfind('@').map_or(0, |at| at + 1);
    image.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_user_and_the_password_are_left_out() {
        let digest = format!("@sha256:{}", "0a".repeat(32));
        for (image, rest) in [
            ("app:1".to_owned(), "app:1".to_owned()),
            (
                "ada:secret@ghcr.io/app:1".to_owned(),
                "ghcr.io/app:1".to_owned(),
            ),
            (
                "ada:s@cret@ghcr.io/app".to_owned(),
                "ghcr.io/app".to_owned(),
            ),
            (
                format!("ghcr.io/app{digest}"),
                format!("ghcr.io/app{digest}"),
            ),
            (
                format!("ada:secret@ghcr.io/app{digest}"),
                format!("ghcr.io/app{digest}"),
            ),
        ] {
            assert_eq!(without_user(&image), rest, "{image}");
        }
    }

    #[test]
    fn references_are_read_as_runtimes_do() {
        let pinned = |name: &str| format!("{name}@{DIGEST}");
        let d = Some(DIGEST);
        for (text, host, repository, tag, digest) in [
            ("nginx".to_owned(), "docker.io", "library/nginx", None, None),
            (
                " nginx:1.27 ".to_owned(),
                "docker.io",
                "library/nginx",
                Some("1.27"),
                None,
            ),
            ("team/app".to_owned(), "docker.io", "team/app", None, None),
            (
                "docker.io/nginx".to_owned(),
                "docker.io",
                "library/nginx",
                None,
                None,
            ),
            (
                "index.docker.io/team/app:x".to_owned(),
                "docker.io",
                "team/app",
                Some("x"),
                None,
            ),
            (
                "registry:5000/app".to_owned(),
                "registry:5000",
                "app",
                None,
                None,
            ),
            (
                "registry:5000/app:2".to_owned(),
                "registry:5000",
                "app",
                Some("2"),
                None,
            ),
            ("localhost/app".to_owned(), "localhost", "app", None, None),
            (
                "localhost:5000/a/b/c:1".to_owned(),
                "localhost:5000",
                "a/b/c",
                Some("1"),
                None,
            ),
            ("[::1]:5000/app".to_owned(), "[::1]:5000", "app", None, None),
            (
                "GHCR.io/team/app".to_owned(),
                "ghcr.io",
                "team/app",
                None,
                None,
            ),
            ("Registry/app".to_owned(), "registry", "app", None, None),
            (pinned("app"), "docker.io", "library/app", None, d),
            (
                pinned("app:1.2"),
                "docker.io",
                "library/app",
                Some("1.2"),
                d,
            ),
            (pinned("registry:5000/app"), "registry:5000", "app", None, d),
            (
                pinned("registry:5000/app:1"),
                "registry:5000",
                "app",
                Some("1"),
                d,
            ),
        ] {
            let expected = ImageReference {
                host: host.into(),
                repository: repository.into(),
                tag,
                digest,
            };
            assert_eq!(ImageReference::parse(&text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_no_runtime_would_pull_is_no_reference() {
        for text in [
            "",
            " ",
            ":latest",
            "app:",
            "app@",
            "app@latest",
            "app@sha256:short",
            "a b",
            "${IMAGE}",
            "{{ image }}:1",
            "<image>",
            "https://ghcr.io/team/app",
            "ghcr.io/",
            "ghcr.io//app",
            "evil.io\u{202e}/app",
        ] {
            assert_eq!(ImageReference::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_a_whole_host_is_a_private_registry_of_ecr() {
        let account = |host: &str| {
            let image = format!("{host}/team/app:1");
            let reference = ImageReference::parse(&image).unwrap();
            reference.ecr_account().map(str::to_owned)
        };
        for host in [
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com",
            "111122223333.DKR.ECR.eu-west-1.amazonaws.com",
            "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
            "111122223333.dkr-ecr.eu-west-1.on.aws",
            "111122223333.dkr-ecr-fips.us-east-1.on.aws",
            "111122223333.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
        ] {
            assert_eq!(account(host).as_deref(), Some("111122223333"), "{host}");
        }
        for host in [
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com.evil.io",
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com:5000",
            "evil.111122223333.dkr.ecr.eu-west-1.amazonaws.com",
            "11112222333.dkr.ecr.eu-west-1.amazonaws.com",
            "11112222333a.dkr.ecr.eu-west-1.amazonaws.com",
            "111122223333.dkr.ecr..amazonaws.com",
            "111122223333.dkr-ecr.eu-west-1.aws",
            "public.ecr.aws",
            "ecr.aws",
        ] {
            assert_eq!(account(host), None, "{host}");
        }
    }
}
