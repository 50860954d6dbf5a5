use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{
    Severity,
    facts::{Image, ScanState},
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "returned-image",
    summary: "an image that is in quarantine was pushed again or taken out of the archive",
    severity: Severity::High,
    applies: Applies::EVERYWHERE,
    help: "push a rebuilt image in its place; where the quarantine is wrong, release the image: `tidewaiter quarantine release`",
    references: References {
        guidance: "scan images for vulnerabilities, and do not run those that have them",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["4.4"],
        pod_security: None,
    },
    check: Check::Image(check),
};

fn check(image: &Image, _: &Context<'_>) -> Vec<Answer> {
    let Some(quarantine) = &image.quarantine else {
        return Vec::new();
    };
    // Where it is as it should be.
    if image.scan.state == ScanState::Archived {
        return Vec::new();
    }
    let since = quarantine
        .since
        .map_or(String::new(), |since| format!(" since {since}"));
    let reason = quoted(&quarantine.reason);
    let message = match &quarantine.elsewhere {
        None if quarantine.is_untold => {
            format!("the image was put into quarantine{since}, which is told only now: {reason}")
        }
        None => format!(
            "the image can be pulled again and nobody released it: it is in quarantine{since}: {reason}"
        ),
        Some(repository) => format!(
            "the same image is in quarantine in repository {}{since}, and no scan says better of it here: {reason}",
            quoted(repository.name())
        ),
    };
    vec![Answer::fail("/imageId/imageDigest", message)]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::catalogue::tests::quarantined_image;
    use crate::facts::{Quarantine, Scan, Scanner};

    #[test]
    fn another_repository_is_named() {
        let mut image = quarantined_image("bad");
        let here = image.repository.clone();
        let context = Context {
            place: None,
            parameters: &crate::policy::Parameters::default(),
            observed_at: None,
        };
        let told = |image: &Image| check(image, &context)[0].message.clone();
        assert!(told(&image).contains("nobody released it"));
        let untold = Image {
            quarantine: image.quarantine.clone().map(|quarantine| Quarantine {
                is_untold: true,
                ..quarantine
            }),
            ..image.clone()
        };
        assert!(told(&untold).contains("was put into quarantine"));
        if let Some(quarantine) = &mut image.quarantine {
            quarantine.elsewhere = Some(here);
        }
        assert!(told(&image).contains("in repository `example/web`"));
        let archived = Image {
            scan: Scan::counted(Scanner::Basic, ScanState::Archived, BTreeMap::new()),
            ..image.clone()
        };
        assert_eq!(check(&archived, &context), []);
        image.quarantine = None;
        assert_eq!(check(&image, &context), []);
    }
}
