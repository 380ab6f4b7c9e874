//! The front over HTTP/1.1.
//!
//! Owns the listener and the connections. Invariant: every connection's task is in one set, and [`Server::shutdown`]
//! waits for all of them.

use super::Service;
use crate::LocalSqs;
use crate::driver::Lost;
use crate::engine::{Error, ErrorKind};
use crate::wire::{Incoming, Outgoing, Protocol};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming as Body;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A message of 1 MiB whose every byte is escaped is six times as long in JSON; ten attributes come on top.
const LONGEST_REQUEST: usize = 16 * 1024 * 1024;
/// More connections than this wait to be accepted.
const MOST_CONNECTIONS: usize = 4096;

/// A [`LocalSqs`] behind a port, for other processes and other languages.
///
/// It prints nothing and needs no credentials. Dropping it ends it soon; [`shutdown`](Self::shutdown) ends it in order.
///
/// # Examples
///
/// ```
/// use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
/// use local_sqs::{LocalSqs, Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sqs = LocalSqs::start();
/// let server = Server::bind(sqs, "127.0.0.1:0".parse()?).await?;
/// assert_eq!(server.endpoint_url(), format!("http://{}", server.local_addr()));
///
/// // What other processes set as AWS_ENDPOINT_URL_SQS:
/// let url = server.queue_url("jobs");
/// assert_eq!(url, format!("{}/000000000000/jobs", server.endpoint_url()));
/// server.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    sqs: LocalSqs,
    accepting: JoinHandle<()>,
    end: DropGuard,
}

impl Server {
    /// Listens at `address`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// The system's, if it cannot listen there.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it listens nowhere.
    pub async fn bind(sqs: LocalSqs, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let end = CancellationToken::new();
        let accepting = tokio::spawn(accept(listener, sqs.service().clone(), end.clone()));
        Ok(Self {
            address,
            sqs,
            accepting,
            end: end.drop_guard(),
        })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What an SDK takes as its endpoint URL: `http://127.0.0.1:PORT`.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of a queue of the default account, whether or not it exists.
    pub fn queue_url(&self, name: &str) -> String {
        format!(
            "{}/{}/{name}",
            self.endpoint_url(),
            self.sqs.service().rights.account
        )
    }

    /// Stops listening, ends polls that wait with no messages, and waits until every open request is answered.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the server ends all the same; nobody waits for it.
    pub async fn shutdown(self) {
        drop(self.end);
        // A panic in a connection is that connection's; there is nothing more to end.
        let _ = self.accepting.await;
    }
}

async fn accept(listener: TcpListener, service: Arc<Service>, end: CancellationToken) {
    let mut connections = JoinSet::new();
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        tokio::select! {
            biased;
            () = end.cancelled() => break,
            Some(_) = connections.join_next() => {}
            Ok(permit) = room.clone().acquire_owned() => {
                tokio::select! {
                    biased;
                    () = end.cancelled() => break,
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => {
                            let (service, end) = (service.clone(), end.clone());
                            connections.spawn(async move {
                                serve(stream, service, end).await;
                                drop(permit);
                            });
                        }
                        // Out of descriptors, or the peer has gone already: others may do better, later.
                        Err(error) => {
                            tracing::debug!(%error, "a connection was not accepted");
                            tokio::task::yield_now().await;
                        }
                    },
                }
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve(stream: TcpStream, service: Arc<Service>, end: CancellationToken) {
    // A small answer must not wait for the acknowledgement of the one before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    // An answer that is lost takes its connection with it.
    let answer = service_fn(|request| async {
        respond(&service, request, &end)
            .await
            .map_err(|Lost| io::Error::from(io::ErrorKind::ConnectionReset))
    });
    let mut connection = pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), answer)
    );
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = end.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

async fn respond(
    service: &Service,
    request: Request<Body>,
    end: &CancellationToken,
) -> Result<Response<Full<Bytes>>, Lost> {
    let (head, body) = request.into_parts();
    let outgoing = match Limited::new(body, LONGEST_REQUEST).collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            let header = |name: &str| head.headers.get(name)?.to_str().ok();
            let incoming = Incoming {
                method: head.method.as_str(),
                header: &header,
                origin: format!("http://{}", header("host").unwrap_or("localhost")),
                path: head.uri.path(),
                query: head.uri.query().unwrap_or_default(),
                body: &body,
            };
            service.respond(&incoming, end).await?
        }
        Err(error) => {
            let reason = if error.is::<LengthLimitError>() {
                "The request is too long."
            } else {
                "The request broke off."
            };
            let error = Error::new(ErrorKind::SerializationException, reason);
            Protocol::Json.encode(None, &service.driver.refuse(error))
        }
    };
    Ok(response(outgoing))
}

fn response(outgoing: Outgoing) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(outgoing.body)));
    *response.status_mut() =
        StatusCode::from_u16(outgoing.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in outgoing.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    }
    response
}
