//! The front end over HTTP/1.1.
//!
//! Owns the listener and the connections. Invariant: every connection's task is in one set, and [`Server::shutdown`]
//! waits for all of them.

mod cors;
mod head;

pub use self::cors::{AllowedOrigin, NotAnOrigin};

use self::cors::Cors;
use self::head::Head;
use crate::LocalSqs;
use crate::driver::Lost;
use crate::engine::{ErrorKind, SqsError};
use crate::service::Service;
use crate::wire::{Incoming, Outgoing, Protocol};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming as Body};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A message of 1 MiB with every byte escaped is six times as long in JSON, plus ten attributes.
const LONGEST_REQUEST: usize = 16 * 1024 * 1024;
/// The maximum number of open connections. More connections wait to be accepted.
const MOST_CONNECTIONS: usize = 4096;
/// The pause after a failed accept.
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(100);
/// An idle connection is closed after this time. SDKs keep idle connections for at most 90 s, and the client should
/// close a connection first, because only the client knows whether it is about to send a request.
const KEEP_ALIVE: Duration = Duration::from_secs(600);
/// The default time within which a complete request must arrive.
const REQUEST_TIME: Duration = Duration::from_secs(20);
/// How long a shutdown waits for open requests before it closes their connections.
const SHUTDOWN_TIME: Duration = Duration::from_secs(5);

/// A [`LocalSqs`] on a port, for other processes and other languages.
///
/// The server prints nothing and needs no credentials. `GET /health` returns 200, so that other programs can wait until
/// the server is ready. Dropping the value stops the server soon; [`shutdown`](Self::shutdown) stops it gracefully.
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
    /// Listens on `address`; port 0 selects a free port.
    ///
    /// # Errors
    ///
    /// The system's error, if it cannot listen on the address.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing listens on the address.
    pub async fn bind(sqs: LocalSqs, address: SocketAddr) -> io::Result<Self> {
        Self::builder(sqs).bind(address).await
    }

    /// Builds a server with custom options.
    pub fn builder(sqs: LocalSqs) -> ServerBuilder {
        ServerBuilder {
            sqs,
            request_time: REQUEST_TIME,
            cors: Cors::default(),
        }
    }

    /// The address that the server listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint URL for SDKs on this machine: `http://127.0.0.1:PORT`. If the server listens on all addresses
    /// (`0.0.0.0` or `::`), this is the loopback address.
    pub fn endpoint_url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("http://{address}")
    }

    /// The URL of a queue of the default account, whether or not it exists.
    pub fn queue_url(&self, name: &str) -> String {
        format!(
            "{}/{}/{name}",
            self.endpoint_url(),
            self.sqs.service().rights.account
        )
    }

    /// Stops listening, ends waiting polls with no messages, and waits at most 5 s until every open request is
    /// answered. Requests that have not arrived completely by then are aborted.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the server still stops, but nothing waits for its end.
    pub async fn shutdown(self) {
        drop(self.end);
        // A panic ends only its own connection, so the error can be ignored.
        let _ = self.accepting.await;
    }
}

/// Options of a [`Server`].
///
/// # Examples
///
/// ```
/// use local_sqs::{LocalSqs, Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::builder(LocalSqs::start())
///     .allow_origin("http://localhost:3000".parse()?)
///     .bind("[::1]:0".parse()?)
///     .await?;
/// assert!(server.endpoint_url().starts_with("http://[::1]:"));
/// server.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ServerBuilder {
    sqs: LocalSqs,
    request_time: Duration,
    cors: Cors,
}

impl ServerBuilder {
    /// The time within which a complete request, head and body, must arrive. Default: 20 s. If a request takes longer,
    /// it is answered with 408, if its head has arrived, and its connection is closed.
    pub fn request_time(mut self, time: Duration) -> Self {
        self.request_time = time;
        self
    }

    /// Allows pages of this origin to use the server from a browser. May be called more than once. Default: no origin.
    pub fn allow_origin(mut self, origin: AllowedOrigin) -> Self {
        self.cors.0.push(origin);
        self
    }

    /// Listens on `address`; port 0 selects a free port.
    ///
    /// # Errors
    ///
    /// The system's error, if it cannot listen on the address.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing listens on the address.
    pub async fn bind(self, address: SocketAddr) -> io::Result<Server> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let end = CancellationToken::new();
        let connection = Connection {
            service: self.sqs.service().clone(),
            end: end.clone(),
            request_time: self.request_time,
            cors: Arc::new(self.cors),
        };
        let accepting = tokio::spawn(accept(listener, connection));
        Ok(Server {
            address,
            sqs: self.sqs,
            accepting,
            end: end.drop_guard(),
        })
    }
}

/// The state that every connection needs. Cheap to clone.
#[derive(Clone, Debug)]
struct Connection {
    service: Arc<Service>,
    end: CancellationToken,
    request_time: Duration,
    cors: Arc<Cors>,
}

async fn accept(listener: TcpListener, connection: Connection) {
    let mut connections = JoinSet::new();
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let end = connection.end.clone();
    loop {
        if room.available_permits() == 0 {
            tracing::warn!(
                limit = MOST_CONNECTIONS,
                "all connections are in use, new connections wait"
            );
        }
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
                            let connection = connection.clone();
                            connections.spawn(async move {
                                connection.serve(stream).await;
                                drop(permit);
                            });
                        }
                        // The peer has disconnected, or the process has no free descriptors. The listener stays
                        // readable then, so an immediate retry would spin until a connection ends.
                        Err(error) => {
                            tracing::warn!(%error, "a connection was not accepted");
                            tokio::time::sleep(AFTER_FAILED_ACCEPT).await;
                        }
                    },
                }
            }
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(SHUTDOWN_TIME, all).await.is_err() {
        connections.shutdown().await;
    }
}

impl Connection {
    async fn serve(&self, stream: TcpStream) {
        // A small answer must not wait for the acknowledgement of the previous answer.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let head = Arc::new(Head::default());
        // A lost answer closes its connection.
        let answer = service_fn(|request| async {
            let _answering = head.complete();
            self.respond(request)
                .await
                .map_err(|Lost| io::Error::from(io::ErrorKind::ConnectionReset))
        });
        let mut connection = pin!(
            hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(KEEP_ALIVE)
                .serve_connection(TokioIo::new(head.watch(stream)), answer)
        );
        let ended = tokio::select! {
            biased;
            ended = connection.as_mut() => ended,
            () = head.overdue(self.request_time) => {
                tracing::debug!(limit = ?self.request_time, "the head of a request did not arrive in time");
                return;
            }
            () = self.end.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke");
        }
    }

    async fn respond(&self, request: Request<Body>) -> Result<Response<Full<Bytes>>, Lost> {
        let (head, body) = request.into_parts();
        if let Some(answer) = self.cors.preflight(&head.method, &head.headers) {
            return Ok(answer);
        }
        let allowed = self.cors.allowed(&head.headers);
        let mut response = if is_health(&head.method, head.uri.path()) {
            health()
        } else {
            self.answer(&head, body).await?
        };
        self.cors.mark(allowed, response.headers_mut());
        Ok(response)
    }

    async fn answer(&self, head: &Parts, body: Body) -> Result<Response<Full<Bytes>>, Lost> {
        let read = self.read(body).await;
        let header = |name: &str| head.headers.get(name)?.to_str().ok();
        let incoming = |body| Incoming {
            method: head.method.as_str(),
            header: &header,
            origin: format!("http://{}", header("host").unwrap_or("localhost")),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            body,
        };
        let service = &self.service;
        let outgoing = match read {
            Ok(body) => service.respond(&incoming(&body), &self.end).await?,
            Err(error) => Protocol::of(&incoming(&[])).encode(None, &service.driver.refuse(error)),
        };
        Ok(response(outgoing))
    }

    /// Reads the body of a request, if it arrives completely and in time.
    async fn read(&self, body: Body) -> Result<Bytes, SqsError> {
        let too_long = || {
            let text = format!("The request is longer than {LONGEST_REQUEST} bytes.");
            SqsError::new(ErrorKind::RequestEntityTooLarge, text)
        };
        // A body that is too long by its announced length is refused before it is read.
        if body.size_hint().lower() > LONGEST_REQUEST as u64 {
            return Err(too_long());
        }
        let read = Limited::new(body, LONGEST_REQUEST).collect();
        match tokio::time::timeout(self.request_time, read).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
            Ok(Err(_)) => Err(SqsError::new(
                ErrorKind::SerializationException,
                "The request broke off.",
            )),
            Err(_) => Err(SqsError::new(
                ErrorKind::RequestTimeout,
                format!("The request did not arrive within {:?}.", self.request_time),
            )),
        }
    }
}

/// No queue has this path, because the path of a queue URL has an account number before the name.
fn is_health(method: &Method, path: &str) -> bool {
    path == "/health" && (method == Method::GET || method == Method::HEAD)
}

/// A health check is not an API call: it is not counted, is not subject to faults and needs no access key.
fn health() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from("ok\n"));
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
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
