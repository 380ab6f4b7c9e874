//! A remote function as a `tower::Service`, with a layer of tower around it.
//!
//! `cargo run --example typed_service`

#![allow(clippy::print_stdout, reason = "an example talks to its terminal")]

use std::error::Error;
use std::time::Duration;

use local_sqs::LocalSqs;
use serde::{Deserialize, Serialize};
use sqs_rpc::{Deadline, ErrorCode, Json, ReplyError, Requester, Responder, State};
use tower::{Service, ServiceBuilder, ServiceExt};

#[derive(Debug, Serialize, Deserialize)]
struct Quote {
    symbol: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Price {
    cents: u64,
    /// How long the requester still waited when the request was handled.
    within: Option<Duration>,
}

#[derive(Clone)]
struct Prices(&'static [(&'static str, u64)]);

const UNKNOWN: ErrorCode = ErrorCode::from_static("quote.unknown");

async fn quote(
    State(prices): State<Prices>,
    deadline: Deadline,
    Json(quote): Json<Quote>,
) -> Result<Json<Price>, ReplyError> {
    let price = prices.0.iter().find(|(symbol, _)| *symbol == quote.symbol);
    let (_, cents) = price.ok_or_else(|| ReplyError::new(UNKNOWN, "unknown symbol"))?;
    Ok(Json(Price {
        cents: *cents,
        within: deadline.remaining(),
    }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let local = LocalSqs::start();
    let queue_url = local.create_queue("quotes").await?;

    let responder = Responder::builder(local.client())
        .state(Prices(&[("FERRIS", 4_200)]))
        .build()?;
    let backend = tokio::spawn(responder.serve(&queue_url, quote).into_future());

    let requester = Requester::builder(local.client()).build()?;
    let remote = requester.typed::<Quote, Price>(&queue_url);
    // At most eight requests at a time, from all callers together.
    let mut service = ServiceBuilder::new().concurrency_limit(8).service(remote);

    let price = service
        .ready()
        .await?
        .call(Quote {
            symbol: "FERRIS".into(),
        })
        .await?;
    println!("{price:?}");
    assert_eq!(price.cents, 4_200);
    assert!(
        price
            .within
            .is_some_and(|within| within <= Duration::from_secs(30))
    );

    let error = service
        .ready()
        .await?
        .call(Quote {
            symbol: "GOPHER".into(),
        })
        .await
        .expect_err("the symbol is unknown");
    println!("{error}");
    assert_eq!(error.remote().map(|remote| &remote.code), Some(&UNKNOWN));

    requester.shutdown(Duration::from_secs(1)).await;
    backend.abort();
    Ok(())
}
