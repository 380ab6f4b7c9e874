//! Whether a reply may be sent to the address in a request.
//!
//! Owns the rule and does not send. The danger: the sender of a request chooses the queue that the reply
//! goes to, and the responder sends the reply with its own permissions. Invariant: by default, replies go
//! only to temporary queues in the account and region of the request queue.

use crate::{HostKey, HostQueueUrl, QueueUrl, TemporaryQueueName};

/// The return addresses that a responder may reply to.
///
/// By default: queues in the account and region of the request queue whose names have the form of our
/// or Java's temporary queues ([`TemporaryQueueName`]), and virtual queues on them. An allow-list adds
/// more queues.
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::{HostQueueUrl, QueueUrl, ReturnAddressPolicy};
///
/// let requests = HostQueueUrl::parse("https://sqs.eu-west-1.amazonaws.com/123456789012/login")?;
/// let orders = QueueUrl::parse("https://sqs.eu-west-1.amazonaws.com/123456789012/orders")?;
/// let policy = ReturnAddressPolicy::default();
/// assert!(policy.check(&requests, &orders).is_err());
/// let policy = policy.allow_queue(orders.host().clone());
/// assert!(policy.check(&requests, &orders).is_ok());
/// # Ok::<(), sqs_rpc_protocol::QueueUrlError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReturnAddressPolicy {
    /// Replies may go to any queue.
    any: bool,
    /// Whole queues, in any account and region.
    queues: Vec<HostQueueUrl>,
    /// Prefixes of queue names, in the account and region of the request queue.
    name_prefixes: Vec<String>,
}

impl ReturnAddressPolicy {
    /// Allows every address. Use this only if every sender of requests may itself send to every queue
    /// that the responder may send to.
    pub fn any() -> Self {
        Self {
            any: true,
            ..Self::default()
        }
    }

    /// Allows one queue, in any account and region, under any of its host names.
    #[must_use]
    pub fn allow_queue(mut self, queue: HostQueueUrl) -> Self {
        self.queues.push(queue);
        self
    }

    /// Allows all queues in the account and region of the request queue whose names begin with `prefix`.
    ///
    /// An empty prefix allows every queue of the account.
    #[must_use]
    pub fn allow_name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.name_prefixes.push(prefix.into());
        self
    }

    /// Checks the return address of a request that was received from `request_queue`.
    ///
    /// # Errors
    ///
    /// [`Refusal`], which gives the reason. Send nothing to the address then.
    pub fn check(&self, request_queue: &HostQueueUrl, address: &QueueUrl) -> Result<(), Refusal> {
        let host = address.host();
        // The responder's client has the region of the request queue.
        let key = |url| HostKey::new(url, request_queue.region());
        if self.any || self.queues.iter().any(|queue| key(queue) == key(host)) {
            return Ok(());
        }
        if host.account_id() != request_queue.account_id() {
            return Err(Refusal::OtherAccount {
                found: host.account_id().to_owned(),
            });
        }
        if !request_queue.admits_region_of(host) {
            return Err(Refusal::OtherRegion {
                found: match host.region() {
                    Some(region) if host.is_aws() || !request_queue.is_aws() => region.to_owned(),
                    _ => "(unknown)".to_owned(),
                },
            });
        }
        let name = host.queue_name();
        let is_listed = self
            .name_prefixes
            .iter()
            .any(|prefix| name.starts_with(prefix.as_str()));
        if is_listed || TemporaryQueueName::parse(name).is_some() {
            Ok(())
        } else {
            Err(Refusal::NotTemporary {
                name: name.to_owned(),
            })
        }
    }
}

/// Why a return address is refused. The texts in it are short and printable, because they are from a
/// parsed address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The queue is in another account than the request queue.
    #[error("cannot reply to account {found}: only the account of the request queue is allowed")]
    OtherAccount {
        /// The account: 12 digits.
        found: String,
    },
    /// The queue is in another region than the request queue, or at another service.
    #[error("cannot reply to region {found}: only the region of the request queue is allowed")]
    OtherRegion {
        /// The region, or `(unknown)`.
        found: String,
    },
    /// The queue's name does not have the form of a temporary queue and is not in the allow-list.
    #[error(
        "cannot reply to queue {name}: it is not in the allow-list, and its name does not end in a UUID and a number"
    )]
    NotTemporary {
        /// The queue's name: at most 80 characters.
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prelude::*, sample::select};

    const UUID: &str = "0b3f9a52-6d1e-4c55-9a35-1e5f0c3c2b1a";

    fn requests() -> HostQueueUrl {
        aws("login")
    }

    fn aws(name: &str) -> HostQueueUrl {
        HostQueueUrl::parse(&format!(
            "https://sqs.eu-west-1.amazonaws.com/123456789012/{name}"
        ))
        .unwrap()
    }

    fn address(text: &str) -> QueueUrl {
        QueueUrl::parse(&text.replace("UUID", UUID)).unwrap()
    }

    #[test]
    fn temporary_queues_of_the_own_account_and_region_are_allowed() {
        let policy = ReturnAddressPolicy::default();
        for allowed in [
            "https://sqs.eu-west-1.amazonaws.com/123456789012/sqs-rpc-UUID-1#reply",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/__RequesterClientQueues__UUID-0#__RequesterClientQueues__x",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/p-UUID-1-Failover",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/p-UUID-1.fifo#r",
            "https://eu-west-1.queue.amazonaws.com/123456789012/p-UUID-1#r",
            "https://vpce-1-2.sqs.eu-west-1.vpce.amazonaws.com/123456789012/p-UUID-1#r",
        ] {
            assert_eq!(
                policy.check(&requests(), &address(allowed)),
                Ok(()),
                "{allowed}"
            );
        }
    }

    #[test]
    fn other_accounts_regions_and_names_are_refused() {
        let policy = ReturnAddressPolicy::default();
        let refusal = |text| policy.check(&requests(), &address(text)).unwrap_err();
        let other_account = refusal("https://sqs.eu-west-1.amazonaws.com/210987654321/p-UUID-1#r");
        assert_eq!(
            other_account,
            Refusal::OtherAccount {
                found: "210987654321".to_owned()
            }
        );
        for text in [
            "https://sqs.us-east-1.amazonaws.com/123456789012/p-UUID-1#r",
            "https://sqs.eu-west-1.amazonaws.com.evil.example/123456789012/p-UUID-1#r",
            "http://localhost:9324/queue/eu-west-1/123456789012/p-UUID-1#r",
        ] {
            assert!(
                matches!(refusal(text), Refusal::OtherRegion { .. }),
                "{text}"
            );
        }
        for text in [
            "https://sqs.eu-west-1.amazonaws.com/123456789012/login",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/orders#p-UUID-1",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/p-UUID-1-dlq",
        ] {
            assert!(
                matches!(refusal(text), Refusal::NotTemporary { .. }),
                "{text}"
            );
        }
    }

    #[test]
    fn local_servers_may_have_several_host_names() {
        let requests = HostQueueUrl::parse("http://sqs:9324/000000000000/login").unwrap();
        let policy = ReturnAddressPolicy::default();
        assert_eq!(
            policy.check(
                &requests,
                &address("http://localhost:9324/000000000000/p-UUID-1#r")
            ),
            Ok(())
        );
        let requests =
            HostQueueUrl::parse("http://sqs:4566/queue/eu-west-1/000000000000/login").unwrap();
        let other_region = address("http://sqs:4566/queue/us-east-1/000000000000/p-UUID-1#r");
        assert!(matches!(
            policy.check(&requests, &other_region),
            Err(Refusal::OtherRegion { .. })
        ));
    }

    #[test]
    fn request_queues_may_have_a_host_name_from_private_dns() {
        let requests = HostQueueUrl::parse("https://sqs.corp.example/123456789012/login").unwrap();
        let own = address("https://sqs.eu-west-1.amazonaws.com/123456789012/p-UUID-1#r");
        assert_eq!(
            ReturnAddressPolicy::default().check(&requests, &own),
            Ok(())
        );
        let foreign = address("https://sqs.eu-west-1.amazonaws.com/210987654321/p-UUID-1#r");
        let refused = ReturnAddressPolicy::default().check(&requests, &foreign);
        assert!(matches!(refused, Err(Refusal::OtherAccount { .. })));
    }

    #[test]
    fn an_allow_list_adds_whole_queues_and_prefixes() {
        let elsewhere = "https://sqs.us-east-1.amazonaws.com/210987654321/replies";
        let policy = ReturnAddressPolicy::default()
            .allow_queue(HostQueueUrl::parse(elsewhere).unwrap())
            .allow_name_prefix("replies-");
        assert_eq!(
            policy.check(&requests(), &address(&format!("{elsewhere}#r"))),
            Ok(())
        );
        assert_eq!(policy.check(&requests(), &aws("replies-a").into()), Ok(()));
        assert_eq!(
            policy.check(&requests(), &aws(&format!("p-{UUID}-1")).into()),
            Ok(())
        );
        assert!(policy.check(&requests(), &aws("replies").into()).is_err());
        // A prefix allows only queues in the account and region of the request queue.
        let other = address("https://sqs.eu-west-1.amazonaws.com/210987654321/replies-a");
        assert!(matches!(
            policy.check(&requests(), &other),
            Err(Refusal::OtherAccount { .. })
        ));
    }

    /// Addresses that are allowed, or nearly.
    fn close_addresses() -> impl Strategy<Value = HostQueueUrl> {
        let authority = select(vec![
            "sqs.eu-west-1.amazonaws.com",
            "eu-west-1.queue.amazonaws.com",
            "sqs.us-east-1.amazonaws.com",
            "localhost:9324",
            "localhost:9324/queue/eu-west-1",
        ]);
        let account = select(vec!["123456789012", "210987654321"]);
        let name = select(vec!["p-UUID-1", "p-UUID-1.fifo", "p-UUID", "orders"]);
        (authority, account, name).prop_map(|(authority, account, name)| {
            let name = name.replace("UUID", UUID);
            HostQueueUrl::parse(&format!("https://{authority}/{account}/{name}")).unwrap()
        })
    }

    proptest! {
        #[test]
        fn allowed_addresses_share_account_and_region_and_are_temporary(
            requests in close_addresses(),
            address in close_addresses(),
        ) {
            let allowed = ReturnAddressPolicy::default().check(&requests, &address.clone().into()).is_ok();
            let regions_agree = match (requests.region(), address.region()) {
                (Some(a), Some(b)) => a == b && (address.is_aws() || !requests.is_aws()),
                (Some(_), None) => !requests.is_aws(),
                (None, _) => true,
            };
            let is_temporary = TemporaryQueueName::parse(address.queue_name()).is_some();
            let same_account = requests.account_id() == address.account_id();
            prop_assert_eq!(allowed, same_account && regions_agree && is_temporary);
        }
    }

    #[test]
    fn the_policy_any_allows_every_address() {
        let anywhere = address("https://sqs.us-east-1.amazonaws.com/210987654321/orders");
        assert_eq!(
            ReturnAddressPolicy::any().check(&requests(), &anywhere),
            Ok(())
        );
    }
}
