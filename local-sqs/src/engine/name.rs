//! Names of queues: in a URL, in an ARN, and their syntax.

use super::caller::Caller;
use super::error::{ErrorKind, SqsError};
use std::fmt;
use std::sync::Arc;

/// The full name of a queue, with region and account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct QueueName {
    pub(super) region: Arc<str>,
    pub(super) account: Arc<str>,
    pub(super) name: Arc<str>,
}

impl QueueName {
    /// The caller's queue with this name, whether or not it exists.
    pub(super) fn of(caller: &Caller, name: &str) -> Self {
        Self {
            region: caller.region.clone(),
            account: caller.account.clone(),
            name: name.into(),
        }
    }

    /// The queue in a URL's path, or with a bare name. Amazon accepts a name in place of a URL (recorded).
    ///
    /// The host of a URL matters only if it is one of Amazon's own: its region must be the caller's.
    pub(super) fn from_url(caller: &Caller, url: &str) -> Result<Self, SqsError> {
        let (host, path) = match url.split_once(':') {
            Some((_, rest)) if rest.starts_with("//") => {
                rest[2..].split_once('/').unwrap_or((&rest[2..], ""))
            }
            _ => ("", url),
        };
        let of_amazon = host
            .strip_prefix("sqs.")
            .and_then(|it| it.strip_suffix(".amazonaws.com"));
        if of_amazon.is_some_and(|region| *region != *caller.region) {
            return Err(SqsError::no_such_queue());
        }
        let path = path.trim_start_matches('/').trim_end_matches('/');
        match path.split_once('/') {
            None if path == url && !path.is_empty() && !path.contains(':') => {
                Ok(Self::of(caller, path))
            }
            Some((account, name))
                if !account.is_empty() && !name.is_empty() && !name.contains('/') =>
            {
                Ok(Self {
                    region: caller.region.clone(),
                    account: if account == &*caller.account {
                        caller.account.clone()
                    } else {
                        account.into()
                    },
                    name: name.into(),
                })
            }
            _ => Err(SqsError::new(
                ErrorKind::InvalidAddress,
                format!("The address {url} is not valid for this endpoint."),
            )),
        }
    }

    pub(super) fn from_arn(arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let head = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, name) = (parts.next()?, parts.next()?, parts.next()?);
        let well_formed = head.0 == "arn" && head.1.starts_with("aws") && head.2 == "sqs";
        well_formed.then(|| Self {
            region: region.into(),
            account: account.into(),
            name: name.into(),
        })
    }

    pub(super) fn url(&self, caller: &Caller) -> String {
        format!("{}/{}/{}", caller.origin, self.account, self.name)
    }

    pub(super) fn arn(&self) -> String {
        format!("arn:aws:sqs:{}:{}:{}", self.region, self.account, self.name)
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Checks the name of a new queue.
pub(super) fn check_name(name: &str, fifo: bool) -> Result<(), SqsError> {
    const STANDARD: &str =
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
    const FIFO: &str = "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, \
                        must end with .fifo suffix and be 1 to 80 in length";
    let (stem, reason) = match (fifo, name.strip_suffix(".fifo")) {
        (true, Some(stem)) => (stem, FIFO),
        (true, None) => ("", FIFO),
        (false, _) => (name, STANDARD),
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if stem.is_empty() || name.len() > 80 || !stem.bytes().all(allowed) {
        return Err(SqsError::invalid_value(name, "QueueName", reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller {
            account: "000000000000".into(),
            region: "us-east-1".into(),
            origin: "http://localhost:9324".into(),
            principal: "AIDA".into(),
        }
    }

    #[test]
    fn only_the_path_of_a_url_names_the_queue() {
        let expected = QueueName::of(&caller(), "jobs");
        for url in [
            "https://sqs.us-east-1.amazonaws.com/000000000000/jobs",
            "http://127.0.0.1:9324/000000000000/jobs",
            "http://localhost/000000000000/jobs/",
            "000000000000/jobs",
            "jobs",
        ] {
            assert_eq!(
                QueueName::from_url(&caller(), url),
                Ok(expected.clone()),
                "{url}"
            );
        }
        for url in [
            "",
            "https://host",
            "https://host/jobs",
            "https://host/a/b/c",
            "::::",
        ] {
            let error = QueueName::from_url(&caller(), url).expect_err(url);
            assert_eq!(error.kind(), ErrorKind::InvalidAddress);
        }
    }

    #[test]
    fn an_arn_is_read_back() {
        let queue = QueueName::of(&caller(), "jobs.fifo");
        assert_eq!(QueueName::from_arn(&queue.arn()), Some(queue));
        assert_eq!(
            QueueName::from_arn("arn:aws:sns:us-east-1:000000000000:jobs"),
            None
        );
        assert_eq!(
            QueueName::from_arn("arn:aws:sqs:us-east-1:000000000000"),
            None
        );
    }

    #[test]
    fn lengths_and_characters_of_names_are_checked() {
        let eighty = "x".repeat(80);
        for (name, fifo, ok) in [
            ("jobs-_9", false, true),
            (eighty.as_str(), false, true),
            (&"x".repeat(81), false, false),
            ("", false, false),
            ("jobs.fifo", false, false),
            ("jobs.fifo", true, true),
            (".fifo", true, false),
            ("jobs", true, false),
            ("jöbs", false, false),
            ("jobs#1", false, false),
        ] {
            assert_eq!(check_name(name, fifo).is_ok(), ok, "{name}");
        }
    }
}
