//! Forwards the stderr of a command, and keeps its end.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::ChildStderr;

/// Maximum number of bytes that are kept.
const KEPT: usize = 4096;

/// The last bytes of an output.
#[derive(Debug, Default)]
pub(crate) struct Tail(Vec<u8>);

/// Forwards everything to our own stderr until the command's stderr ends, and keeps the last bytes in `tail`. Errors of
/// our own stderr are ignored, so that a closed terminal does not affect the command.
pub(crate) async fn follow(stderr: Option<ChildStderr>, tail: &mut Tail) -> io::Result<()> {
    let Some(mut from) = stderr else {
        return Ok(());
    };
    let mut to = tokio::io::stderr();
    let mut buffer = [0; KEPT];
    loop {
        match from.read(&mut buffer).await? {
            0 => return Ok(()),
            read => {
                tail.push(&buffer[..read]);
                drop(to.write_all(&buffer[..read]).await);
            }
        }
    }
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        let surplus = self.0.len().saturating_sub(KEPT);
        self.0.drain(..surplus);
    }

    /// The last line that is not empty. Control characters and invalid UTF-8 are replaced by U+FFFD.
    pub(crate) fn last_line(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.0);
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
        let shown = |char: char| {
            if char.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                char
            }
        };
        Some(line.chars().map(shown).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last_line(chunks: &[&[u8]]) -> Option<String> {
        let mut tail = Tail::default();
        chunks.iter().for_each(|chunk| tail.push(chunk));
        tail.last_line()
    }

    #[test]
    fn the_last_line_that_is_not_empty_is_found() {
        assert_eq!(
            last_line(&[b"one\ntw", b"o\n\n  \n"]).as_deref(),
            Some("two")
        );
        assert_eq!(last_line(&[b"\n\n"]), None);
        assert_eq!(last_line(&[]), None);
    }

    #[test]
    fn control_characters_and_broken_utf8_are_replaced() {
        assert_eq!(
            last_line(&[b"a\x1b[2J\xffb"]).as_deref(),
            Some("a\u{fffd}[2J\u{fffd}b")
        );
    }

    #[test]
    fn only_the_last_bytes_are_kept() {
        let mut tail = Tail::default();
        (0..100).for_each(|_| tail.push(&[b'x'; 1000]));
        assert_eq!(tail.0.len(), KEPT);
    }
}
