//! The steps of each command.
//!
//! Owns the steps and their order, and does not run them.
//!
//! Invariant: `ci` has the steps of every command that checks, so that no check depends on a person. The exception is
//! `systems`, which needs Rust targets that not every machine can install. `ci` measures nothing. `quick` has only
//! steps of `ci`, with a shorter simulation.

use std::path::{Path, PathBuf};

use crate::simulation;
use crate::step::Step;

/// Libraries with features. Each is also checked by itself without features, because in a build of the whole workspace a
/// feature that one member enables is enabled for all members.
const WITH_FEATURES: [&str; 6] = [
    "sqs-rpc-transport",
    "sqs-virtual-queues",
    "sqs-temporary-queues",
    "sqs-requester",
    "sqs-responder",
    "sqs-rpc",
];

/// Systems for which the `sqs-rpc` command is checked, but not linked or run. This needs only Rust's standard library
/// for them.
const OTHER_SYSTEMS: [&str; 2] = ["aarch64-apple-darwin", "x86_64-pc-windows-gnu"];

/// Examples that `examples` does not run, because they need an AWS account.
const NEED_AN_ACCOUNT: [&str; 1] = ["aws_check"];

/// With `--workspace`, the build of the tests is reused; without it, features differ and everything is built again.
const INTEROP: &str = "test --quiet --workspace --test interop --";

const DENY_HINT: &str = "if cargo-deny is missing: cargo install --locked cargo-deny";

/// The steps of a command, or an error.
pub(crate) fn steps(command: &str, root: &Path) -> Result<Vec<Step>, String> {
    Ok(match command {
        "quick" => quick(),
        "check" => check(),
        "systems" => systems(),
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
        other => return Err(format!("unknown command `{other}`")),
    })
}

/// Tests the project with third-party software, with the user's arguments.
pub(crate) fn interop(arguments: Vec<String>) -> Step {
    Step::cargo("interop", INTEROP).arguments(given(arguments))
}

/// Measures, with the user's arguments.
pub(crate) fn measure(what: Option<&str>, arguments: Vec<String>) -> Step {
    let what = what.map(str::to_owned).into_iter();
    Step::cargo(
        "measure",
        "run --quiet --release --package sqs-rpc-measure --",
    )
    .arguments(what.chain(given(arguments)))
}

/// Builds and runs the check on a real account, with the user's arguments.
pub(crate) fn aws_check(arguments: Vec<String>) -> Step {
    Step::cargo("aws-check", "run --quiet --example aws_check --").arguments(given(arguments))
}

/// Counts the instructions of the hot paths, in the profile of the large models, whose dependencies are already built.
fn instructions() -> Step {
    Step::cargo(
        "instructions",
        "bench --quiet --profile sim --package sqs-temporary-queues --bench instructions",
    )
    .hint("bounds: temporary-queues/benches/instructions.txt; if valgrind is missing, install it")
}

/// Installs the server that local-sqs is compared with, and measures both.
pub(crate) fn bench_local(target: &Path) -> Vec<Step> {
    let root = target.join("interop/rustack");
    let root = root.display();
    vec![
        // Not `--locked`, because the lock file names a yanked crate.
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

/// The steps that find most mistakes in a few minutes.
fn quick() -> Vec<Step> {
    vec![
        format(),
        circles(),
        clippy(),
        tests(),
        simulation::for_quick(),
    ]
}

fn format() -> Step {
    Step::cargo("format", "fmt --all --check").hint("run `cargo fmt --all`")
}

fn circles() -> Step {
    Step::cargo("circles", "run --quiet --package xtask -- circles")
        .hint("move what both need into a file below both")
}

fn clippy() -> Step {
    Step::cargo(
        "clippy, all features",
        "clippy --workspace --all-targets --all-features -- -D warnings",
    )
}

fn tests() -> Step {
    Step::cargo("tests", "test --workspace")
}

fn check() -> Vec<Step> {
    let mut steps = vec![
        format(),
        circles(),
        Step::cargo("clippy", "clippy --workspace --all-targets -- -D warnings"),
        clippy(),
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

/// Without the HTTPS client, whose C code would need a C compiler for the other system.
fn systems() -> Vec<Step> {
    OTHER_SYSTEMS
        .map(|target| {
            let arguments = format!(
                "clippy --package sqs-rpc-cli --all-targets --no-default-features --target {target} -- -D warnings"
            );
            Step::cargo(format!("the command on {target}"), &arguments).hint(
                "if the target is missing: rustup target add aarch64-apple-darwin x86_64-pc-windows-gnu",
            )
        })
        .to_vec()
}

fn deny() -> Vec<Step> {
    vec![Step::cargo("dependencies", "deny check licenses bans sources").hint(DENY_HINT)]
}

fn test() -> Vec<Step> {
    vec![
        tests(),
        Step::cargo(
            "large models of the ring",
            "test --profile sim --package sqs-temporary-queues --lib model:: -- --ignored",
        ),
        Step::cargo(
            "killed processes",
            "test --package sqs-rpc-tests --test it kill -- --ignored",
        ),
        Step::cargo(
            "tests with metrics",
            "test --package sqs-rpc-transport --all-features --lib",
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

/// The names of the files and folders in `examples/`, sorted. An empty result is an error, so that moving the folder is
/// noticed.
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
        return Err(format!(
            "expected examples in {}, found none",
            folder.display()
        ));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace_root as root;

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
    fn quick_has_steps_of_ci_and_a_short_simulation() {
        let ci = steps("ci", root()).unwrap();
        let quick = steps("quick", root()).unwrap();
        let (simulation, others) = quick.split_last().unwrap();
        for step in others {
            assert!(ci.contains(step), "{}", step.name);
        }
        assert!(simulation.to_string().contains("--seconds 30"));
    }

    #[test]
    fn ci_runs_each_mutant_at_its_known_place() {
        let ci = steps("ci", root()).unwrap();
        let last = ci.last().unwrap().to_string();
        assert!(last.ends_with("-- --all-mutants"), "{last}");
    }

    #[test]
    fn examples_are_found_except_those_that_need_an_account() {
        let names = example_names(root()).unwrap();
        assert!(names.contains(&"login".to_owned()), "{names:?}");
        assert!(!names.contains(&"aws_check".to_owned()), "{names:?}");
    }

    #[test]
    fn unknown_commands_and_missing_examples_are_errors() {
        assert_eq!(
            steps("chekc", root()),
            Err("unknown command `chekc`".to_owned())
        );
        assert!(example_names(Path::new("/no/such/folder")).is_err());
    }

    #[test]
    fn rustack_is_run_from_its_installation_folder() {
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
    fn arguments_are_passed_on() {
        let arguments = vec!["--".to_owned(), "--yes".to_owned()];
        assert_eq!(
            aws_check(arguments.clone()).to_string(),
            "cargo run --quiet --example aws_check -- --yes"
        );
        assert_eq!(
            measure(Some("goals"), arguments.clone()).to_string(),
            "cargo run --quiet --release --package sqs-rpc-measure -- goals --yes"
        );
        assert_eq!(
            interop(arguments).to_string(),
            "cargo test --quiet --workspace --test interop -- --yes"
        );
    }
}
