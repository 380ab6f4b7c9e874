//! Measures how long the head of a request takes to arrive.
//!
//! Owns the state of one connection: idle, reading a head, or answering. hyper's own timeout for heads includes the
//! idle time before a request, so it would close connections that SDKs keep in their pools.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;

/// A stream that reports the beginning of a head: the first bytes after idle time.
pub(super) struct Timed<S> {
    stream: S,
    head: Arc<Head>,
}

/// The state that the stream and the connection's loop share.
#[derive(Debug, Default)]
pub(super) struct Head {
    state: Mutex<HeadState>,
    /// Notified when a head begins.
    begun: Notify,
}

#[derive(Clone, Copy, Debug, Default)]
enum HeadState {
    #[default]
    Idle,
    Reading {
        since: Instant,
    },
    Answering,
}

impl Head {
    pub(super) fn watch<S>(self: &Arc<Self>, stream: S) -> Timed<S> {
        Timed {
            stream,
            head: Arc::clone(self),
        }
    }

    /// Marks the head as complete. The connection is idle again when the returned guard is dropped.
    pub(super) fn complete(self: &Arc<Self>) -> Answering {
        self.set(HeadState::Answering);
        Answering(Arc::clone(self))
    }

    /// Returns when a head takes longer than `limit` to arrive.
    pub(super) async fn overdue(&self, limit: Duration) {
        loop {
            match self.state() {
                HeadState::Reading { since } if since.elapsed() >= limit => return,
                HeadState::Reading { since } => tokio::time::sleep_until(since + limit).await,
                HeadState::Idle | HeadState::Answering => self.begun.notified().await,
            }
        }
    }

    fn state(&self) -> HeadState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: HeadState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// A guard that exists while a request is being answered.
pub(super) struct Answering(Arc<Head>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.set(HeadState::Idle);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before && matches!(self.head.state(), HeadState::Idle) {
            let since = crate::clock::instant();
            self.head.set(HeadState::Reading { since });
            self.head.begun.notify_one();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
