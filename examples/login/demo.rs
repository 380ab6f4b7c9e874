//! Both halves in one process, on a local SQS: four logins with four outcomes, and the API calls of each.

use std::error::Error;
use std::time::Duration;

use local_sqs::LocalSqs;
use sqs_rpc::{RequestErrorKind, Requester, Responder};
use tokio::sync::oneshot;

use crate::messages::REFUSED;
use crate::users::Users;
use crate::{USERS, backend, frontend};

pub(crate) async fn run() -> Result<(), Box<dyn Error + Send + Sync>> {
    let local = LocalSqs::start();
    let queue_url = local.create_queue("login").await?;
    let unserved_url = local.create_queue("nobody-serves-this").await?;

    // The backend.
    let responder = Responder::builder(local.client())
        .state(Users::parse(USERS)?)
        .build()?;
    let (stop, stopped) = oneshot::channel();
    let serve = responder
        .serve(&queue_url, backend::login)
        .with_graceful_shutdown(async { drop(stopped.await) })
        .drain(Duration::from_secs(1));
    let backend = tokio::spawn(serve.into_future());

    // The frontend. It creates its reply queue now, so that the first request does not wait for it.
    let requester = Requester::builder(local.client()).build()?;
    requester.ready().await?;

    let attempts = [
        (
            "the right password",
            &queue_url,
            "alice",
            "correct horse battery staple",
        ),
        ("a wrong password", &queue_url, "alice", "correct horse"),
        (
            "an unknown user",
            &queue_url,
            "mallory",
            "correct horse battery staple",
        ),
        (
            "nobody there",
            &unserved_url,
            "alice",
            "correct horse battery staple",
        ),
    ];
    let mut outcomes = Vec::new();
    for (what, url, user, password) in attempts {
        let before = local.calls();
        let outcome = frontend::log_in(&requester, url, user, password).await;
        println!("{what:>18}: {}", frontend::show(&outcome));
        println!("{:>18}  calls: {}", "", local.calls().since(&before));
        outcomes.push(outcome);
    }

    requester.shutdown(Duration::from_secs(5)).await;
    // The send fails if the backend has ended with an error, which the next line returns.
    let _ = stop.send(());
    backend.await??;

    let [right, wrong, unknown, unserved] =
        <[_; 4]>::try_from(outcomes).map_err(|_| "expected four outcomes")?;
    assert_eq!(right?.greeting, "welcome, alice");
    for refused in [wrong, unknown] {
        assert_eq!(
            refused
                .expect_err("the login is refused")
                .remote()
                .map(|remote| &remote.code),
            Some(&REFUSED)
        );
    }
    assert_eq!(
        unserved.expect_err("nobody serves the queue").kind(),
        RequestErrorKind::Timeout
    );
    Ok(())
}
