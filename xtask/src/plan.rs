//! What each command consists of.
//!
//! Owns the steps and their order; runs nothing.
//!
//! Invariant: `ci` has the steps of every command that checks, so that nothing is checked by hand only; but for `systems`,
//! which needs parts of Rust that not every machine can install. It measures nothing. `quick` has steps of `ci` alone, but for a shorter simulation.

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

/// Systems for which the command is looked at, and never linked or run: that needs no more than Rust's library for them.
const OTHER_SYSTEMS: [&str; 2] = ["aarch64-apple-darwin", "x86_64-pc-windows-gnu"];

/// Examples that are not run by `examples`: they need an account.
const NEED_AN_ACCOUNT: [&str; 1] = ["aws_check"];

/// With `--workspace`, what the tests were built from serves again; without, features differ and all is built anew.
const INTEROP: &str = "test --quiet --workspace --test interop --";

const DENY_HINT: &str = "if cargo has no such command: cargo install --locked cargo-deny";

/// The steps of a command, or why there are none.
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
        other => return Err(format!("there is no command `{other}`")),
    })
}

/// Runs the project with software of others, with the user's own arguments.
pub(crate) fn interop(arguments: Vec<String>) -> Step {
    Step::cargo("interop", INTEROP).arguments(given(arguments))
}

/// Measures, with the user's own arguments.
pub(crate) fn measure(what: Option<&str>, arguments: Vec<String>) -> Step {
    let what = what.map(str::to_owned).into_iter();
    Step::cargo(
        "measure",
        "run --quiet --release --package sqs-rpc-measure --",
    )
    .arguments(what.chain(given(arguments)))
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

/// What finds most mistakes in a few minutes.
fn quick() -> Vec<Step> {
    vec![format(), clippy(), tests(), simulation::for_quick()]
}

fn format() -> Step {
    Step::cargo("format", "fmt --all --check").hint("`cargo fmt --all` puts it right")
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

/// Without the HTTPS client, which has C code: to compile that takes a C compiler of the other system.
fn systems() -> Vec<Step> {
    OTHER_SYSTEMS
        .map(|target| {
            let arguments = format!(
                "clippy --package sqs-rpc-cli --all-targets --no-default-features --target {target} -- -D warnings"
            );
            Step::cargo(format!("the command on {target}"), &arguments).hint(
                "if the target is not there: rustup target add aarch64-apple-darwin x86_64-pc-windows-gnu",
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
            measure(Some("goals"), arguments.clone()).to_string(),
            "cargo run --quiet --release --package sqs-rpc-measure -- goals --yes"
        );
        assert_eq!(
            interop(arguments).to_string(),
            "cargo test --quiet --workspace --test interop -- --yes"
        );
    }
}
