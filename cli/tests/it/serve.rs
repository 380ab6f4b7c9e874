//! `sqs-rpc serve`, and `request` with a responder.

use crate::support::{Local, assert_code, run};
use serde_json::Value;

#[test]
fn a_request_gets_what_the_command_prints() {
    let local = Local::start();
    let _serving = local.serve(&[], "tr a-z A-Z");
    assert_eq!(assert_code(&local.request(&["hello"]), 0).0, "HELLO\n");
    let (stdout, _) = assert_code(
        &local.request_with_stdin(&["-"], "from stdin: é\n".as_bytes()),
        0,
    );
    assert_eq!(stdout, "FROM STDIN: é\n");
    let (stdout, _) = assert_code(&local.request_with_stdin(&[], b"two\nlines"), 0);
    assert_eq!(stdout, "TWO\nLINES\n");
}

#[test]
fn with_json_a_reply_has_attributes_and_elapsed_time() {
    let local = Local::start();
    let _serving = local.serve(&[], "cat");
    let (stdout, _) = assert_code(
        &local.request(&["--json", "--attribute", "tenant=a", "a \"b\""]),
        0,
    );
    let object: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(object["body"], "a \"b\"");
    assert_eq!(object["attributes"], serde_json::json!({}));
    assert!(object["elapsed_ms"].is_u64(), "{object}");
}

#[test]
fn the_reply_queue_is_deleted_at_the_end() {
    let local = Local::start();
    let serving = local.serve(
        &[],
        "echo started >&2; read what; test $what = slow && exec sleep 60; echo done",
    );
    assert_code(&local.request(&["fast\n"]), 0);
    assert_eq!(local.queue_names(), ["jobs"]);

    serving.stderr.until(|line| line == "started");
    let request = local.start_request(&["slow\n"]);
    serving.stderr.until(|line| line == "started");
    assert_eq!(local.queue_names().len(), 2);
    request.interrupt();
    let (status, stderr) = request.wait();
    assert_eq!(status.code(), Some(4), "{stderr:?}");
    assert_eq!(stderr, ["sqs-rpc: interrupted before the reply came"]);
    assert_eq!(local.queue_names(), ["jobs"]);
}

#[test]
fn a_failed_command_is_code_1_without_its_stderr() {
    let local = Local::start();
    let serving = local.serve(&[], "echo half; echo secret >&2; exit 7");
    let (stdout, stderr) = assert_code(&local.request(&["hello"]), 1);
    assert_eq!(stdout, "");
    let expected = "sqs-rpc: the responder answered with error code command.failed: the command exited with code 7\n";
    assert_eq!(stderr, expected);
    // The stderr of the command is on the responder's stderr.
    serving.stderr.until(|line| line == "secret");

    let (stdout, _) = assert_code(&local.request(&["--json", "hello"]), 1);
    let object: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(object["error"]["kind"], "remote");
    assert_eq!(object["error"]["code"], "command.failed");
    assert_eq!(
        object["error"]["remote_message"],
        "the command exited with code 7"
    );
}

#[test]
fn with_expose_stderr_its_last_line_is_sent() {
    let local = Local::start();
    let serving = local.serve(
        &["--expose-stderr"],
        "echo first >&2; echo 'no such user' >&2; exit 1",
    );
    let (_, stderr) = assert_code(&local.request(&["hello"]), 1);
    assert!(
        stderr.ends_with("command.failed: no such user\n"),
        "{stderr}"
    );
    serving.stderr.until(|line| line == "no such user");
}

#[test]
fn output_that_sqs_refuses_is_an_error_reply() {
    let local = Local::start();
    let script = r#"read what; case "$what" in
        nothing) ;;
        bytes) printf '\377' ;;
        color) printf '\033[31mred' ;;
        much) exec head -c 1048577 /dev/zero ;;
        endless) exec yes ;;
    esac"#;
    let _serving = local.serve(&[], script);
    for (body, said) in [
        ("nothing", "error code command.no_output: "),
        ("bytes", "error code command.not_utf8: "),
        (
            "color",
            "error code command.bad_character: the output of the command is not valid in SQS: character U+001B at byte 0",
        ),
        ("much", "the reply is too large for SQS"),
        ("endless", "the reply is too large for SQS"),
    ] {
        let (_, stderr) = assert_code(&local.request(&[&format!("{body}\n")]), 1);
        assert!(stderr.contains(said), "{body}: {stderr}");
    }
}

#[test]
fn a_command_gets_ids_and_deadline_in_its_environment() {
    let local = Local::start();
    let _serving = local.serve(
        &[],
        "echo $SQS_RPC_REQUEST_ID $SQS_RPC_MESSAGE_ID $SQS_RPC_DEADLINE_MS",
    );
    let (stdout, _) = assert_code(&local.request(&["--timeout", "60s", "hello"]), 0);
    let words: Vec<&str> = stdout.split_whitespace().collect();
    assert_eq!(words.len(), 3, "{stdout}");
    assert_ne!(words[0], words[1]);
    let left: u64 = words[2].parse().unwrap();
    assert!((1..=60_000).contains(&left), "{stdout}");
}

#[test]
fn at_the_deadline_a_command_and_its_processes_are_killed() {
    let local = Local::start();
    // The shell waits for a child process, which shares its stderr.
    let script = r#"read what; if [ "$what" = slow ]; then sleep 1000; true; fi; echo done"#;
    let serving = local.serve(&["--concurrency", "1"], script);
    assert_code(&local.request(&["--timeout", "5s", "slow\n"]), 3);
    // The concurrency slot is free again.
    assert_eq!(assert_code(&local.request(&["fast\n"]), 0).0, "done\n");
    serving
        .stderr
        .until(|line| line.contains("the command was killed"));

    serving.terminate();
    let (status, _) = serving.wait();
    assert!(status.success(), "{status}");
}

#[test]
fn ctrl_c_lets_a_command_finish() {
    let local = Local::start();
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("drain-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let fifo = folder.join("go");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );

    let serving = local.serve(
        &[],
        &format!("cat; echo started >&2; cat '{}'", fifo.display()),
    );
    let request = local.start_request(&["hello"]);
    serving.stderr.until(|line| line == "started");
    serving.interrupt();
    serving
        .stderr
        .until(|line| line.contains("for running commands"));
    // Opening the fifo blocks until the command opens it, so a thread does it: a failed test must not hang.
    std::thread::spawn({
        let fifo = fifo.clone();
        move || std::fs::write(fifo, ", and goodbye")
    });

    assert_eq!(request.stdout.until(|_| true), ["hello, and goodbye"]);
    let (status, stderr) = serving.wait();
    assert!(status.success(), "{status}");
    assert_eq!(stderr, ["sqs-rpc: stopped; no command was killed"]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_second_ctrl_c_kills_running_commands() {
    let local = Local::start();
    let serving = local.serve(&[], "echo started >&2; sleep 1000; true");
    let _request = local.start_request(&["hello"]);
    serving.stderr.until(|line| line == "started");
    serving.interrupt();
    serving
        .stderr
        .until(|line| line.contains("for running commands"));
    serving.interrupt();
    // Stderr ends only when the sleeping process has ended, too, because both share it.
    let (status, stderr) = serving.wait();
    assert_eq!(status.code(), Some(4), "{stderr:?}");
}

#[test]
fn a_program_that_cannot_be_started_is_refused_at_once() {
    let local = Local::start();
    for (program, reason) in [
        ("/no/such/program", "No such file"),
        ("no-such-program", "cannot find"),
        ("/etc/passwd", "it is not executable"),
        ("/etc", "it is a directory"),
    ] {
        let url = local.queue_url.clone();
        let (_, stderr) = assert_code(
            &local.run(&["serve", "--queue-url", &url, "--", program]),
            2,
        );
        assert!(
            stderr.contains(program) && stderr.contains(reason),
            "{stderr}"
        );
    }
}

#[test]
fn a_deleted_program_is_an_internal_error_and_is_logged() {
    let local = Local::start();
    let folder = std::env::temp_dir().join(format!("sqs-rpc-vanishes-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let program = folder.join("cat");
    std::fs::copy("/bin/cat", &program).unwrap();
    let path = program.to_str().unwrap();
    let serving = local.serve_command(&[], &[path]);
    std::fs::remove_dir_all(&folder).unwrap();
    let (_, stderr) = assert_code(&local.request(&["hello"]), 1);
    assert!(stderr.contains("error code internal"), "{stderr}");
    assert!(!stderr.contains(path), "{stderr}");
    serving
        .stderr
        .until(|line| line.contains(path) && line.contains("cannot be started"));
}

#[test]
fn a_reply_does_not_wait_for_children_that_hold_pipes() {
    let local = Local::start();
    let serving = local.serve(
        &["--expose-stderr"],
        "sleep 1000 & setsid sleep 20 & echo $!; echo done >&2",
    );
    let (stdout, _) = assert_code(&local.request(&["--timeout", "10s", "hello"]), 0);
    assert!(stdout.trim().parse::<u32>().is_ok(), "{stdout}");
    serving.stderr.until(|line| line == "done");
}

#[test]
fn invalid_arguments_of_serve_are_code_2() {
    let (_, stderr) = assert_code(&run(&["serve", "--queue-url", "jobs", "--", "cat"]), 2);
    assert!(
        stderr.contains("\"jobs\" is not the URL of a host queue"),
        "{stderr}"
    );
    assert_code(
        &run(&["serve", "--queue-url", "http://127.0.0.1:1/0/jobs"]),
        2,
    );
    let local = Local::start();
    for (option, value, said) in [
        (
            "--concurrency",
            "100001",
            "from 1 to 100000, found \"100001\"",
        ),
        ("--concurrency", "0", "from 1 to 100000, found \"0\""),
        ("--visibility", "13h", "46800s: 1s to 43200s is allowed"),
        ("--drain", "1y", "at most 12h, found \"1y\""),
    ] {
        let url = local.queue_url.as_str();
        let arguments = ["serve", "--queue-url", url, option, value, "--", "cat"];
        let (_, stderr) = assert_code(&local.run(&arguments), 2);
        assert!(stderr.contains(said), "{option} {value}: {stderr}");
    }
}

#[test]
fn a_closed_terminal_ends_all_commands() {
    let local = Local::start();
    let serving = local.serve(&["--drain", "1ms"], "echo started >&2; sleep 1000; true");
    let _request = local.start_request(&["hello"]);
    serving.stderr.until(|line| line == "started");
    serving.hang_up();
    // Stderr ends only when the sleeping process has ended, too, because both share it.
    let (status, stderr) = serving.wait();
    assert!(status.success(), "{status}: {stderr:?}");
    assert!(
        stderr
            .iter()
            .any(|line| line.contains("1 commands were killed")),
        "{stderr:?}"
    );
}

#[test]
fn with_verbose_each_request_is_logged_without_its_body() {
    let local = Local::start();
    let serving = local.serve(&["-v"], "cat");
    assert_code(&local.request(&["canary"]), 0);
    let began = serving
        .stderr
        .until(|line| line.contains("request received, running its command"));
    let ended = serving
        .stderr
        .until(|line| line.contains("the command has ended"));
    assert!(
        ended.iter().any(|line| line.contains("printed=6")),
        "{ended:?}"
    );
    let lines = [began, ended].concat();
    assert!(
        lines.iter().all(|line| !line.contains("canary")),
        "{lines:?}"
    );
}

#[test]
fn a_command_finishes_although_our_stderr_is_closed() {
    let local = Local::start();
    let script = "yes | head -n 50000 >&2; echo done";
    let serving = local.serve(&["--expose-stderr"], script);
    let _serving = serving.unread();
    let (stdout, _) = assert_code(&local.request(&["hello"]), 0);
    assert_eq!(stdout, "done\n");
}
