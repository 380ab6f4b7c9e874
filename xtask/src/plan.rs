//! What each command consists of.
//!
//! Owns the steps and their order; runs nothing.
//!
//! Invariant: `ci` is every other command's steps, so that nothing is checked by hand only; it does not measure.

use std::path::{Path, PathBuf};

use crate::simulation;
use crate::step::Step;

/// Libraries with features: each is looked at by itself with none of them, because in a build of the whole workspace
/// the features that one member asks for are there for all.
const WITH_FEATURES: [&str; 4] = [
    "sqs-virtual-queues",
    "sqs-requester",
    "sqs-responder",
    "sqs-rpc",
];

/// Examples that are not run by `examples`: they need an account.
const NEED_AN_ACCOUNT: [&str; 1] = ["aws_check"];

/// With `--workspace`, what the tests were built from serves again; without, features differ and all is built anew.
const INTEROP: &str = "test --quiet --workspace --test interop --";

const DENY_HINT: &str = "if cargo has no such command: cargo install --locked cargo-deny";

/// The steps of a command, or why there are none.
pub(crate) fn steps(command: &str, root: &Path) -> Result<Vec<Step>, String> {
    Ok(match command {
        "check" => check(),
        "deny" => deny(),
        "test" => test(),
        "examples" => examples(&example_names(root)?),
        "interop" => vec![interop(Vec::new())],
        "instructions" => vec![instructions()],
        "bench-local" => bench_local(&target(root)),
        "ci" => [
            check(),
            deny(),
            test(),
            examples(&example_names(root)?),
            vec![interop(Vec::new()), instructions()],
            simulation::for_ci(),
            vec![simulation::mutants(Vec::new())?],
        ]
        .concat(),
        other => return Err(format!("there is no command `{other}`")),
    })
}

/// Runs the project with software of others, with the user's own arguments.
pub(crate) fn interop(arguments: Vec<String>) -> Step {
    Step::cargo("interop", INTEROP).arguments(given(arguments))
}

/// Measures Java, this project and plain SDK calls in turn, with the user's own arguments.
pub(crate) fn bench_java(arguments: Vec<String>) -> Vec<Step> {
    let whole = std::iter::once("bench-java".to_owned()).chain(given(arguments));
    vec![
        Step::cargo(
            "release",
            "build --quiet --release --package sqs-rpc-cli --bin sqs-rpc",
        ),
        Step::cargo("bench java", INTEROP).arguments(whole),
    ]
}

/// Measures what the project wants to reach, with the user's own arguments.
pub(crate) fn goals(arguments: Vec<String>) -> Step {
    // With `--workspace` for the same reason as `interop`.
    Step::cargo("goals", "test --quiet --workspace --test goals --").arguments(given(arguments))
}

/// Builds and runs the check on a real account, with the user's own arguments.
pub(crate) fn aws_check(arguments: Vec<String>) -> Step {
    Step::cargo("aws-check", "run --quiet --example aws_check --").arguments(given(arguments))
}

/// Counts instructions of the hot paths. In the profile of the large models, whose dependencies are built already.
fn instructions() -> Step {
    Step::cargo(
        "instructions",
        "bench --quiet --profile sim --package sqs-virtual-queues --bench instructions",
    )
    .hint("bounds: virtual-queues/benches/instructions.txt; if valgrind is missing, install it")
}

/// Installs the server that local-sqs is measured beside, and measures.
pub(crate) fn bench_local(target: &Path) -> Vec<Step> {
    let root = target.join("interop/rustack");
    let root = root.display();
    vec![
        // Not `--locked`: its lock file names a crate that was withdrawn.
        Step::cargo(
            "install rustack",
            "install --quiet rustack-cli --version 0.12.0 --no-default-features --features sqs --root",
        )
        .arguments([root.to_string()]),
        Step::cargo(
            "bench local-sqs",
            "bench --quiet --package local-sqs --bench http --",
        )
        .arguments([format!("{root}/bin/rustack")]),
    ]
}

/// The arguments of a command, with or without `--` before them.
fn given(arguments: Vec<String>) -> impl Iterator<Item = String> {
    arguments
        .into_iter()
        .skip_while(|argument| argument == "--")
}

fn check() -> Vec<Step> {
    let mut steps = vec![
        Step::cargo("format", "fmt --all --check").hint("`cargo fmt --all` puts it right"),
        Step::cargo("clippy", "clippy --workspace --all-targets -- -D warnings"),
        Step::cargo(
            "clippy, all features",
            "clippy --workspace --all-targets --all-features -- -D warnings",
        ),
    ];
    steps.extend(WITH_FEATURES.map(|package| {
        let arguments =
            format!("clippy --package {package} --lib --no-default-features -- -D warnings");
        Step::cargo(format!("clippy, {package} without features"), &arguments)
    }));
    steps.push(
        Step::cargo("documentation", "doc --workspace --all-features --no-deps")
            .environment("RUSTDOCFLAGS", "-D warnings"),
    );
    steps
}

fn deny() -> Vec<Step> {
    vec![Step::cargo("dependencies", "deny check licenses bans sources").hint(DENY_HINT)]
}

fn test() -> Vec<Step> {
    vec![
        Step::cargo("tests", "test --workspace"),
        Step::cargo(
            "large models of the ring",
            "test --profile sim --package sqs-virtual-queues --lib temporary::model -- --ignored",
        ),
        Step::cargo(
            "processes that are killed",
            "test --package sqs-rpc-tests --test it kill -- --ignored",
        ),
        Step::cargo(
            "tests with metrics",
            "test --package sqs-virtual-queues --all-features --lib",
        ),
    ]
}

fn examples(names: &[String]) -> Vec<Step> {
    names
        .iter()
        .map(|name| {
            Step::cargo(
                format!("example {name}"),
                &format!("run --quiet --example {name}"),
            )
        })
        .collect()
}

/// Cargo's target folder.
fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |it| root.join(it))
}

/// The files and folders of `examples/`, in order of name. It is an error if there are none, so that a move of the
/// folder does not go unseen.
fn example_names(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("examples");
    let cannot_read = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(cannot_read)? {
        let path = entry.map_err(cannot_read)?.path();
        let is_example =
            path.extension().is_some_and(|it| it == "rs") || path.join("main.rs").is_file();
        if let Some(name) = path
            .file_stem()
            .and_then(|it| it.to_str())
            .filter(|_| is_example)
        {
            names.push(name.to_owned());
        }
    }
    names.retain(|name| !NEED_AN_ACCOUNT.contains(&name.as_str()));
    names.sort();
    if names.is_empty() {
        return Err(format!("no examples in {}", folder.display()));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    #[test]
    fn ci_has_the_steps_of_every_command() {
        let ci = steps("ci", root()).unwrap();
        for command in [
            "check",
            "deny",
            "test",
            "examples",
            "interop",
            "instructions",
        ] {
            for step in steps(command, root()).unwrap() {
                assert!(ci.contains(&step), "{command}: {}", step.name);
            }
        }
    }

    #[test]
    fn ci_looks_for_each_mutant_where_it_is_known_to_be() {
        let ci = steps("ci", root()).unwrap();
        let last = ci.last().unwrap().to_string();
        assert!(last.ends_with("-- --all-mutants"), "{last}");
    }

    #[test]
    fn examples_are_found_and_the_one_for_an_account_is_not_run() {
        let names = example_names(root()).unwrap();
        assert!(names.contains(&"login".to_owned()), "{names:?}");
        assert!(!names.contains(&"aws_check".to_owned()), "{names:?}");
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        assert_eq!(
            steps("chekc", root()),
            Err("there is no command `chekc`".to_owned())
        );
        assert!(example_names(Path::new("/no/such/folder")).is_err());
    }

    #[test]
    fn the_other_server_is_run_from_where_it_was_installed() {
        let steps = bench_local(Path::new("/t"))
            .iter()
            .map(Step::to_string)
            .collect::<Vec<_>>();
        assert!(steps[0].ends_with("--root /t/interop/rustack"), "{steps:?}");
        assert!(
            steps[1].ends_with("-- /t/interop/rustack/bin/rustack"),
            "{steps:?}"
        );
    }

    #[test]
    fn arguments_are_handed_on() {
        let arguments = vec!["--".to_owned(), "--yes".to_owned()];
        assert_eq!(
            aws_check(arguments.clone()).to_string(),
            "cargo run --quiet --example aws_check -- --yes"
        );
        assert_eq!(
            goals(arguments.clone()).to_string(),
            "cargo test --quiet --workspace --test goals -- --yes"
        );
        let [_, java] = bench_java(arguments.clone()).try_into().unwrap();
        assert_eq!(
            java.to_string(),
            "cargo test --quiet --workspace --test interop -- bench-java --yes"
        );
        assert_eq!(
            interop(arguments).to_string(),
            "cargo test --quiet --workspace --test interop -- --yes"
        );
    }
}
