use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    base_image::{self, Root},
    build_step::{packages, pipelines, removes_packages},
    shell::Pipeline,
};
use crate::{
    Severity,
    facts::{Dockerfile, dockerfile::Operation},
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "dockerfile-single-stage",
    summary: "the image is built in one stage, and the compilers stay in it",
    severity: Severity::Low,
    applies: Applies::EVERYWHERE,
    help: "build in a stage of its own, and copy what comes of it into a last stage without compilers: `COPY --from=build …`; or remove them in the `RUN` that installs them",
    references: References {
        guidance: "keep build tools out of images",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["4.3"],
        pod_security: None,
    },
    check: Check::Dockerfile(check),
};

fn check(dockerfile: &Dockerfile, _: &Context<'_>) -> Vec<Answer> {
    // Where there are other stages, something is built in them.
    if dockerfile.lineage().count() < dockerfile.stages.len() {
        return Vec::new();
    }
    for (_, stage) in dockerfile.lineage() {
        for (index, operation) in dockerfile.of_stage(stage) {
            if let Operation::Run(run) = operation
                && let Some(tool) = keeps(&pipelines(run))
            {
                return vec![Answer::fail(
                    format!("/instructions/{index}"),
                    format!(
                        "the only stage installs {}, and it stays in the image",
                        quoted(&tool)
                    ),
                )];
            }
        }
    }
    let first = dockerfile.lineage().last().map(|(_, stage)| stage.from);
    match (base_image::root(dockerfile), first) {
        (Some(Root::Image(image)), Some(from)) => base_image::toolchain(&image)
            .map(|name| {
                Answer::fail(
                    format!("/instructions/{from}"),
                    format!(
                        "the only stage is built on {}, whose compilers stay in the image",
                        quoted(name)
                    ),
                )
            })
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

/// Packages that only a build needs.
const TOOLS: &[&str] = &[
    "autoconf",
    "automake",
    "base-devel",
    "bazel",
    "build-base",
    "build-essential",
    "cargo",
    "clang",
    "cmake",
    "g++",
    "gcc",
    "gcc-c++",
    "go",
    "golang",
    "golang-go",
    "gradle",
    "make",
    "maven",
    "ninja-build",
    "rust",
    "rustc",
];

/// A tool that the step installs and does not remove.
fn keeps(pipelines: &[Pipeline]) -> Option<String> {
    if removes_packages(pipelines) {
        return None;
    }
    let packages = pipelines.iter().flatten().filter_map(packages);
    let mut installed = packages
        .filter(|packages| matches!(packages.verb, "install" | "add" | "in" | "groupinstall"))
        .flat_map(|packages| packages.names);
    let tool = installed.find(|name| is_tool(plain(name)))?;
    Some(plain(tool).to_owned())
}

/// Without version and architecture.
fn plain(name: &str) -> &str {
    name.split(['=', '~', '<', '>', ':'])
        .next()
        .unwrap_or_default()
}

fn is_tool(name: &str) -> bool {
    TOOLS.contains(&name)
        || name.eq_ignore_ascii_case("Development Tools")
        || name == "default-jdk"
        || name.starts_with("openjdk-") && name.contains("-jdk")
        || name.starts_with("java-") && name.ends_with("-devel")
}
