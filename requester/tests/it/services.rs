//! The requester as a tower service, typed and untyped.

use crate::support::{Answer, Bed, SECOND, Stopwatch};
use serde::{Deserialize, Serialize};
use sqs_requester::protocol::ContentType;
use sqs_requester::{Json, Request, RequestErrorKind};
use tower::{Service, ServiceBuilder, ServiceExt};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Login {
    user: String,
}

#[tokio::test(start_paused = true)]
async fn the_requester_is_a_service_until_its_shutdown() {
    let bed = Bed::new().await;
    bed.echo();
    let requester = bed.requester();
    let limited = ServiceBuilder::new()
        .concurrency_limit(2)
        .service(requester.clone());
    let request = Request::new(&bed.queue, "hello").timeout(5 * SECOND);
    let (a, b) = tokio::join!(
        limited.clone().oneshot(request.clone()),
        limited.oneshot(request.clone())
    );
    assert_eq!((a.unwrap().body(), b.unwrap().body()), ("hello", "hello"));
    requester.shutdown(SECOND).await;
    let mut service = requester.clone();
    let refused = ServiceExt::<Request>::ready(&mut service)
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), RequestErrorKind::Closed);
    assert_eq!(
        requester.clone().call(request).await.unwrap_err().kind(),
        RequestErrorKind::Closed
    );
}

#[tokio::test(start_paused = true)]
async fn a_typed_service_sends_and_receives_its_types() {
    let bed = Bed::new().await;
    bed.echo();
    let requester = bed.requester();
    let logins = requester
        .typed::<Login, Login>(&bed.queue)
        .timeout(5 * SECOND);
    let login = || Login { user: "ada".into() };
    assert_eq!(logins.request(&login()).await.unwrap(), login());
    assert_eq!(logins.clone().oneshot(login()).await.unwrap(), login());
    let spawned = tokio::spawn(logins.request(&login()).send());
    assert_eq!(spawned.await.unwrap().unwrap(), login());
    let error = requester
        .typed::<Login, Login>("nonsense")
        .request(&login())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::InvalidRequest);
}

#[tokio::test(start_paused = true)]
async fn a_typed_service_keeps_its_timeout() {
    let bed = Bed::new().await;
    let requester = bed.requester();
    requester.ready().await.unwrap();
    let started = Stopwatch::start();
    let logins = requester
        .typed::<Login, Login>(&bed.queue)
        .timeout(3 * SECOND);
    let error = logins
        .request(&Login { user: "ada".into() })
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), started.elapsed()),
        (RequestErrorKind::Timeout, 3 * SECOND)
    );
}

#[tokio::test(start_paused = true)]
async fn json_goes_both_ways() {
    let bed = Bed::new().await;
    bed.serve(|_, asked| {
        assert!(
            asked
                .header()
                .content_type
                .as_ref()
                .is_some_and(ContentType::is_json)
        );
        let login: Login = serde_json::from_str(asked.body()).unwrap();
        vec![Answer::body(format!("\"{}\"", login.user))]
    });
    let requester = bed.requester();
    let body = Json(Login { user: "ada".into() });
    let name: String = requester.request(&bed.queue, body).json().await.unwrap();
    assert_eq!(name, "ada");
    let body = Json(Login { user: "ada".into() });
    let error = requester
        .request(&bed.queue, body)
        .json::<u32>()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::Codec);
}

#[test]
fn all_public_types_are_send() {
    fn check<T: Send + 'static>() {}
    fn check_sync<T: Send + Sync + Clone + 'static>() {}
    check_sync::<sqs_requester::Requester>();
    check_sync::<Request>();
    check_sync::<sqs_requester::RequestError>();
    check::<sqs_requester::RequestBuilder>();
    check::<sqs_requester::JsonRequest<Login>>();
    check_sync::<sqs_requester::TypedService<Login, std::rc::Rc<()>>>();
}

/// A service keeps one such future for each pending request.
#[tokio::test(start_paused = true)]
async fn the_future_of_a_request_is_small() {
    let bed = Bed::new().await;
    let request = bed.requester().request(&bed.queue, "hello").send();
    assert!(size_of_val(&request) <= 256, "{}", size_of_val(&request));
}
