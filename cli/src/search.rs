//! Which files are meant by the paths that are named.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use globset::{GlobBuilder, GlobMatcher};
use tidewaiter_report::{Note, Unreadable, clean};
use tidewaiter_rules::names::quoted;
use walkdir::{DirEntry, WalkDir};

use crate::input::{self, Input};

/// The files that are meant.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In the order of the paths, and within a folder in order of names.
    pub(crate) inputs: Vec<Input>,
    /// What was searched.
    pub(crate) searched: Vec<Searched>,
    /// Patterns that match nothing.
    pub(crate) errors: Vec<Unreadable>,
}

/// A folder or a pattern, and what was found by it.
#[derive(Debug)]
pub(crate) struct Searched {
    path: PathBuf,
    pub(crate) inputs: Range<usize>,
}

impl Searched {
    /// Nobody must believe that something was judged here.
    pub(crate) fn was_empty(&self, kind: &str) -> Note {
        Note {
            file: input::shown(&self.path),
            message: format!("no {kind} was found here, and nothing judged"),
        }
    }
}

/// The files that are named, those in the folders that are named, and those that match a pattern
/// which names no file. Within folders links are not followed and hidden folders not entered, and
/// what is neither file nor folder is passed by.
///
/// # Errors
/// When one of the patterns in `exclude` is none.
pub(crate) fn find(
    paths: &[PathBuf],
    endings: &[&str],
    exclude: &[String],
) -> Result<Found, String> {
    let excluded = Excluded::of(exclude)?;
    let mut found = Found::default();
    for path in paths {
        let start = found.inputs.len();
        if path.is_dir() {
            found.folder(path, path, endings, &excluded);
        } else if let Some(pattern) = Pattern::of(path) {
            if !found.pattern(&pattern?, endings, &excluded) {
                found.errors.push(Unreadable {
                    file: input::shown(path),
                    message: "no file matches this pattern".to_owned(),
                });
                continue;
            }
        } else {
            found.inputs.push(Input::named(path));
            continue;
        }
        found.searched.push(Searched {
            path: path.clone(),
            inputs: start..found.inputs.len(),
        });
    }
    Ok(found)
}

impl Found {
    /// Adds what is in a folder; `root` is what the user named to get there.
    fn folder(&mut self, folder: &Path, root: &Path, endings: &[&str], excluded: &Excluded) {
        let walk = WalkDir::new(folder).sort_by_file_name().into_iter();
        let walk = walk.filter_entry(|entry| is_open(entry) && !excluded.has(entry.path(), root));
        for entry in walk {
            match entry {
                Ok(entry) if entry.file_type().is_file() => {
                    if input::has_ending(entry.path(), endings) {
                        self.take(entry.into_path());
                    }
                }
                Ok(_) => {}
                Err(error) => self.unreadable(&error),
            }
        }
    }

    /// Adds what matches a pattern; whether anything does.
    fn pattern(&mut self, pattern: &Pattern, endings: &[&str], excluded: &Excluded) -> bool {
        let mut has_matches = false;
        let mut walk = WalkDir::new(&pattern.base).sort_by_file_name().into_iter();
        while let Some(entry) = walk.next() {
            let entry = match entry {
                Ok(entry) => entry,
                // A base that is not there has nothing that matches.
                Err(error) if error.depth() == 0 => break,
                Err(error) => {
                    self.unreadable(&error);
                    continue;
                }
            };
            if entry.depth() == 0 {
                continue;
            }
            let is_folder = entry.file_type().is_dir();
            let may_enter = is_open(&entry) || pattern.is_of_hidden;
            if excluded.has(entry.path(), &pattern.base) || !may_enter {
                if is_folder {
                    walk.skip_current_dir();
                }
                continue;
            }
            if !pattern.matches(entry.path()) {
                continue;
            }
            has_matches = true;
            let path = pattern.shown(entry.path());
            if is_folder {
                walk.skip_current_dir();
                self.folder(&path, &pattern.base, endings, excluded);
            } else if entry.file_type().is_file() {
                self.take(path);
            }
        }
        has_matches
    }

    fn take(&mut self, path: PathBuf) {
        self.inputs.push(Input {
            path,
            is_found: true,
        });
    }

    /// A folder that cannot be read is a file that cannot: named, it becomes an error of its own.
    fn unreadable(&mut self, error: &walkdir::Error) {
        if let Some(path) = error.path() {
            self.inputs.push(Input::named(path));
        }
    }
}

/// Whether it is a folder that is entered, or no folder at all.
fn is_open(entry: &DirEntry) -> bool {
    let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
    // The folder that was named is entered whatever its name.
    entry.depth() == 0 || !entry.file_type().is_dir() || !is_hidden
}

/// Paths by their form, such as `infra/**/*.json`.
#[derive(Debug)]
struct Pattern {
    /// The folder below which all that match are.
    base: PathBuf,
    /// Whether the base is only where the search begins, and not part of the pattern.
    is_relative: bool,
    /// Whether it speaks of names that begin with a dot.
    is_of_hidden: bool,
    /// What the path from there has to look like.
    rest: GlobMatcher,
}

impl Pattern {
    /// The pattern that a path is, where it is none of a file.
    fn of(path: &Path) -> Option<Result<Self, String>> {
        let is_special = |part: &str| part.contains(['*', '?', '[', '{']);
        let text = path.to_str()?;
        if !is_special(text) || path.symlink_metadata().is_ok() {
            return None;
        }
        let parts: Vec<_> = path.components().collect();
        let of_base = |part: &&std::path::Component<'_>| {
            !is_special(part.as_os_str().to_str().unwrap_or_default())
        };
        let base: PathBuf = parts.iter().take_while(of_base).collect();
        let rest: PathBuf = parts.iter().skip_while(of_base).collect();
        let rest = rest.to_str()?;
        let is_relative = base.as_os_str().is_empty();
        Some(glob(rest).map(|glob| Self {
            base: if is_relative { ".".into() } else { base },
            is_relative,
            is_of_hidden: rest.starts_with('.') || rest.contains("/."),
            rest: glob,
        }))
    }

    fn matches(&self, path: &Path) -> bool {
        let rest = path.strip_prefix(&self.base).unwrap_or(path);
        self.rest.is_match(rest)
    }

    /// The path as a shell would have made it of the pattern.
    fn shown(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.base) {
            Ok(rest) if self.is_relative => rest.to_path_buf(),
            _ => path.to_path_buf(),
        }
    }
}

/// What is passed by in folders.
#[derive(Debug)]
struct Excluded(Vec<(GlobMatcher, bool)>);

impl Excluded {
    fn of(patterns: &[String]) -> Result<Self, String> {
        let patterns = patterns.iter().map(|pattern| {
            let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
            let pattern = pattern.strip_suffix('/').unwrap_or(pattern);
            Ok((glob(pattern)?, pattern.contains('/')))
        });
        patterns.collect::<Result<_, String>>().map(Self)
    }

    /// A pattern without a slash is of a name, at any depth; one with a slash of the path as it is
    /// shown, or of the path below the folder that was named.
    fn has(&self, path: &Path, root: &Path) -> bool {
        let shown = path.strip_prefix(".").unwrap_or(path);
        let within = path.strip_prefix(root).unwrap_or(path);
        self.0.iter().any(|(pattern, is_of_paths)| {
            if *is_of_paths {
                pattern.is_match(shown) || pattern.is_match(within)
            } else {
                path.file_name().is_some_and(|name| pattern.is_match(name)) && path != root
            }
        })
    }
}

fn glob(pattern: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| {
        let why = clean(&error.kind().to_string(), 200);
        format!("{} is no pattern: {why}", quoted(pattern))
    })
}
