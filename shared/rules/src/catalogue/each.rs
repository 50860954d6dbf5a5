//! Walks over the parts of a definition, so that a rule says no more than what it makes of one of
//! them. Nothing is written down, neither a pointer nor a name, before there is something to say.

use std::borrow::Cow;

use super::{
    Answer,
    image_reference::{ImageReference, without_user},
};
use crate::{
    facts::{EfsVolume, PlacedContainer, TaskDefinition, Volume},
    field::Field,
    names::{quoted, quoted_value},
    severity::Severity,
};

/// A member that cannot be read.
#[derive(Debug)]
pub(super) struct Hidden<'a> {
    path: Cow<'static, str>,
    reason: &'a str,
}

impl<'a> Hidden<'a> {
    /// The member at `path` of its container, and why it cannot be read.
    pub(super) fn new(path: &'static str, reason: &'a str) -> Self {
        let path = Cow::Borrowed(path);
        Self { path, reason }
    }

    /// The answer, where the rule wants to know `what`.
    pub(super) fn answer(&self, container: &PlacedContainer<'_>, what: &str) -> Answer {
        Answer::unreadable(container.pointer(&self.path), what, self.reason)
    }
}

/// A member that has been read: `None` where it is absent.
pub(super) type Read<'a, T> = Result<Option<&'a T>, Hidden<'a>>;

/// What a rule makes of one part: `None` where it passes, and the member that it would have to know.
pub(super) type Judged<'a> = Result<Option<Answer>, Hidden<'a>>;

/// Reads the member at `path` of a container.
pub(super) fn read<'a, T>(path: &'static str, field: &'a Field<T>) -> Read<'a, T> {
    match field {
        Field::Known(value) => Ok(Some(value)),
        Field::Absent => Ok(None),
        Field::Unknown(reason) => Err(Hidden::new(path, reason)),
    }
}

/// Reads the member at `path` that stands inside another, and is absent with it.
pub(super) fn inside<'a, T, U>(
    outer: Read<'a, T>,
    path: &'static str,
    member: impl FnOnce(&'a T) -> &'a Field<U>,
) -> Read<'a, U> {
    outer?.map_or(Ok(None), |outer| read(path, member(outer)))
}

/// What `judge` says of each container. `what` is what the rule wants to know of a container where
/// it cannot be read.
pub(super) fn containers<'d>(
    definition: &'d TaskDefinition,
    what: impl Fn(&str) -> String,
    judge: impl for<'a> Fn(&'a PlacedContainer<'d>) -> Judged<'a>,
) -> Vec<Answer> {
    let judged = definition.containers().filter_map(|container| {
        let answer = match judge(&container) {
            Ok(answer) => answer?,
            Err(hidden) => hidden.answer(&container, &what(&container.shown())),
        };
        Some(answer.in_container(&container))
    });
    judged.collect()
}

/// What is said of a container, at low severity and with its own help where the container is the
/// FireLens log router of its task. `what` as in [`containers`].
pub(super) fn log_router<'a>(
    container: &PlacedContainer<'_>,
    judged: Judged<'a>,
    what: fn(&str) -> String,
    help: &'static str,
) -> Judged<'a> {
    if container.firelens_configuration.known().is_none() {
        return judged;
    }
    let answer =
        judged.unwrap_or_else(|hidden| Some(hidden.answer(container, &what(&container.shown()))));
    Ok(answer.map(|answer| answer.severity(Severity::Low).help(help)))
}

/// One element of a list of a container.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    /// Whose list it is.
    pub(super) container: PlacedContainer<'a>,
    /// Where the list is.
    path: &'static str,
    index: usize,
}

impl<'a> Element<'a> {
    /// The path of the element in its container, or of a member of it.
    fn path(&self, member: &str) -> String {
        let Self { path, index, .. } = self;
        if member.is_empty() {
            format!("{path}/{index}")
        } else {
            format!("{path}/{index}/{member}")
        }
    }

    /// Reads a member of the element; the empty path is the element itself.
    pub(super) fn read<T>(&self, member: &str, field: &'a Field<T>) -> Read<'a, T> {
        match field {
            Field::Unknown(reason) => Err(self.hidden(member, reason)),
            field => Ok(field.known()),
        }
    }

    /// A member of the element that cannot be read.
    pub(super) fn hidden(&self, member: &str, reason: &'a str) -> Hidden<'a> {
        let path = Cow::Owned(self.path(member));
        Hidden { path, reason }
    }

    /// A pointer to the element, or to a member of it.
    pub(super) fn pointer(&self, member: &str) -> String {
        self.container.pointer(&self.path(member))
    }

    /// The answer that `container …` is wrong at a member of the element.
    pub(super) fn fails(&self, member: &str, what: &str) -> Answer {
        self.container.fails(&self.path(member), what)
    }
}

/// What `judge` says of each element of the list at `path` of each container. `what` as in
/// [`containers`].
pub(super) fn elements<'d, T>(
    definition: &'d TaskDefinition,
    path: &'static str,
    what: impl Fn(&str) -> String,
    list: impl for<'a> Fn(&'a PlacedContainer<'d>) -> Read<'a, Vec<T>>,
    judge: impl for<'a> Fn(Element<'a>, &'a T) -> Judged<'a>,
) -> Vec<Answer> {
    let mut answers = Vec::new();
    for container in definition.containers() {
        let unreadable = |hidden: Hidden<'_>| hidden.answer(&container, &what(&container.shown()));
        match list(&container) {
            Ok(list) => {
                for (index, value) in list.into_iter().flatten().enumerate() {
                    let element = Element {
                        container,
                        path,
                        index,
                    };
                    let answer = judge(element, value).unwrap_or_else(|h| Some(unreadable(h)));
                    answers.extend(answer.map(|answer| answer.in_container(&container)));
                }
            }
            Err(hidden) => answers.push(unreadable(hidden).in_container(&container)),
        }
    }
    answers
}

/// What `judge` says of the image of each container; unknown where it is no reference that can be
/// read. `what` is what the rule wants to know of it.
pub(super) fn images(
    definition: &TaskDefinition,
    what: &str,
    judge: impl Fn(&PlacedContainer<'_>, &ImageReference<'_>) -> Option<Answer>,
) -> Vec<Answer> {
    let what = |container: &str| format!("{what} of the image of {container}");
    containers(definition, what, |container| {
        let Some(image) = read("image", &container.image)? else {
            return Ok(None);
        };
        if let Some(image) = ImageReference::parse(image) {
            return Ok(judge(container, &image));
        }
        let (what, image) = (what(&container.shown()), quoted_value(without_user(image)));
        let message = format!("{what} cannot be known: {image} is not an image reference");
        Ok(Some(Answer::unknown(container.pointer("image"), message)))
    })
}

impl PlacedContainer<'_> {
    /// `container` and its name in backticks, as messages have it.
    pub(super) fn shown(&self) -> String {
        format!("container {}", quoted(&self.label()))
    }

    /// The answer that `container …` is wrong at `path`.
    pub(super) fn fails(&self, path: &str, what: &str) -> Answer {
        Answer::fail(self.pointer(path), format!("{} {what}", self.shown()))
    }
}

/// An entry of `dockerSecurityOptions`: Docker reads `KEY=VALUE` and `KEY:VALUE`.
pub(super) fn key_and_value(option: &str) -> Option<(&str, &str)> {
    let option = option.trim();
    let at = option
        .bytes()
        .position(|byte| matches!(byte, b':' | b'='))?;
    let (key, value) = option.split_at_checked(at)?;
    Some((key, value.get(1..)?))
}

/// A volume and its place in the definition.
pub(super) struct PlacedVolume<'a> {
    volume: &'a Volume,
    index: usize,
}

impl PlacedVolume<'_> {
    /// A pointer into the configuration of its EFS file system; the empty path is all of it.
    pub(super) fn pointer(&self, path: &str) -> String {
        let separator = if path.is_empty() { "" } else { "/" };
        let index = self.index;
        format!("/volumes/{index}/efsVolumeConfiguration{separator}{path}")
    }

    /// `volume` and its name in backticks, as messages have it.
    pub(super) fn shown(&self) -> String {
        match self.volume.name.known() {
            Some(name) => format!("volume {}", quoted(name)),
            None => format!("volume `#{}`", self.index),
        }
    }
}

/// What `judge` says of each EFS volume. `what` is what the rule wants to know of a volume that
/// cannot be read.
pub(super) fn efs_volumes(
    definition: &TaskDefinition,
    what: &str,
    judge: impl Fn(&PlacedVolume<'_>, &EfsVolume) -> Option<Answer>,
) -> Vec<Answer> {
    let volumes = match &definition.volumes {
        Field::Known(volumes) => volumes,
        Field::Unknown(reason) => {
            let what = format!("of an EFS volume, {what}");
            return vec![Answer::unreadable("/volumes", &what, reason)];
        }
        Field::Absent => return Vec::new(),
    };
    let placed = volumes.iter().enumerate();
    let judged = placed.filter_map(|(index, volume)| {
        let placed = PlacedVolume { volume, index };
        match &volume.efs_volume_configuration {
            Field::Known(efs) => judge(&placed, efs),
            Field::Unknown(reason) => {
                let what = format!("of {}, {what}", placed.shown());
                Some(Answer::unreadable(placed.pointer(""), &what, reason))
            }
            Field::Absent => None,
        }
    });
    judged.collect()
}
