//! Which service a host name belongs to: a region of Amazon SQS, or another server.
//!
//! Owns the list of Amazon's host names and the spellings of local host names. Does not own paths.
//!
//! Amazon's names are from the SDK's endpoint rules and partitions, plus the older names that SQS still
//! returns:
//!
//! | form | example |
//! |---|---|
//! | current | `sqs.us-west-2.amazonaws.com`, `sqs.cn-north-1.amazonaws.com.cn` |
//! | FIPS | `sqs-fips.us-east-1.amazonaws.com` |
//! | dual-stack | `sqs.us-west-2.api.aws` |
//! | VPC endpoint | `vpce-0a1b2c-3d4e.sqs.us-west-2.vpce.amazonaws.com` |
//! | legacy | `us-west-2.queue.amazonaws.com`, and `queue.amazonaws.com` for us-east-1 |
//!
//! LocalStack puts its regions before its own name: `sqs.us-west-2.localhost.localstack.cloud`,
//! `us-west-2.queue.localhost.localstack.cloud`.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The suffixes of SQS's host names, one or two for each AWS partition, each with the prefix of the
/// region names in the partition. An empty prefix stands for all regions that have no prefix of another
/// partition.
const SUFFIXES: [(&str, &str); 14] = [
    ("amazonaws.com", ""),
    ("amazonaws.com.cn", "cn-"),
    ("amazonaws.eu", "eusc-"),
    ("api.aws", ""),
    ("api.amazonwebservices.com.cn", "cn-"),
    ("api.amazonwebservices.eu", "eusc-"),
    ("c2s.ic.gov", "us-iso-"),
    ("api.aws.ic.gov", "us-iso-"),
    ("sc2s.sgov.gov", "us-isob-"),
    ("api.aws.scloud", "us-isob-"),
    ("cloud.adc-e.uk", "eu-isoe-"),
    ("api.cloud-aws.adc-e.uk", "eu-isoe-"),
    ("csp.hci.ic.gov", "us-isof-"),
    ("api.aws.hci.ic.gov", "us-isof-"),
];

/// The longest name of a region, in bytes. Amazon's have at most 14.
const MAX_REGION: usize = 32;

/// The name of a region in lower case, stored inline without allocation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Region([u8; MAX_REGION]);

impl Region {
    /// `None` if the name is empty, too long, or has characters other than letters, digits, `-` and `_`.
    pub(super) fn new(name: &str) -> Option<Self> {
        let valid = (1..=MAX_REGION).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        valid.then(|| {
            let mut bytes = [0; MAX_REGION];
            bytes[..name.len()].copy_from_slice(name.as_bytes());
            bytes.make_ascii_lowercase();
            Self(bytes)
        })
    }

    pub(super) fn as_str(&self) -> &str {
        let end = self.0.iter().position(|b| *b == 0).unwrap_or(MAX_REGION);
        std::str::from_utf8(&self.0[..end]).unwrap_or_default()
    }
}

/// The meaning of a host name without its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint<'a> {
    /// Amazon SQS in this region.
    Amazon(&'a str),
    /// A name in the form of Amazon's, with a region that is not in the partition of the suffix.
    WrongPartition,
    /// Another server, in normalized spelling, and the region if the name contains a region.
    Other {
        /// The name without the region, in lower case; `localhost` for the loopback interface.
        name: Cow<'a, str>,
        region: Option<&'a str>,
    },
}

/// Reads a well-formed host name.
pub(super) fn endpoint(host: &str) -> Endpoint<'_> {
    for (suffix, partition) in SUFFIXES {
        let Some(rest) = strip_suffix(host, suffix) else {
            continue;
        };
        let has_old_names = matches!(suffix, "amazonaws.com" | "amazonaws.com.cn");
        if let Some(region) = amazon_region_before(rest, has_old_names) {
            return if partition_of(region) == partition {
                Endpoint::Amazon(region)
            } else {
                Endpoint::WrongPartition
            };
        }
    }
    other(host)
}

/// Splits host and port; the port is empty if missing.
pub(super) fn split_port(authority: &str) -> (&str, &str) {
    match authority.rsplit_once(':') {
        // The last colon of `[::1]` is within the brackets.
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, ""),
    }
}

/// The prefix of the region names in the partition of `region`.
fn partition_of(region: &str) -> &'static str {
    SUFFIXES
        .iter()
        .map(|(_, partition)| *partition)
        .find(|partition| !partition.is_empty() && has_prefix(region, partition))
        .unwrap_or_default()
}

/// The region in the part of a host name before a suffix of [`SUFFIXES`].
fn amazon_region_before(rest: &str, has_old_names: bool) -> Option<&str> {
    if has_old_names && rest.eq_ignore_ascii_case("queue") {
        return Some("us-east-1");
    }
    if let Some(region) = strip_suffix(rest, "queue") {
        return has_old_names.then(|| region_label(region)).flatten();
    }
    let rest = match strip_suffix(rest, "vpce") {
        // `vpce-….sqs.<region>`
        Some(vpc) => {
            vpc.split_once('.')
                .filter(|(id, _)| has_prefix(id, "vpce-"))?
                .1
        }
        None => rest,
    };
    let (service, region) = rest.split_once('.')?;
    let is_sqs = service.eq_ignore_ascii_case("sqs") || service.eq_ignore_ascii_case("sqs-fips");
    is_sqs.then(|| region_label(region)).flatten()
}

/// A host that is not Amazon's.
fn other(host: &str) -> Endpoint<'_> {
    let mut labels = host.splitn(3, '.');
    let (region, rest) = match (labels.next(), labels.next(), labels.next()) {
        (Some(sqs), Some(region), Some(rest)) if sqs.eq_ignore_ascii_case("sqs") => {
            (region_label(region), rest)
        }
        (Some(region), Some(queue), Some(rest)) if queue.eq_ignore_ascii_case("queue") => {
            (region_label(region), rest)
        }
        _ => match host.split_once('.') {
            // LocalStack, like Amazon, leaves us-east-1 out of the name.
            Some((queue, rest)) if queue.eq_ignore_ascii_case("queue") && is_loopback(rest) => {
                (Some("us-east-1"), rest)
            }
            _ => (None, host),
        },
    };
    let rest = if region.is_some() { rest } else { host };
    let name = if is_loopback(rest) {
        Cow::Borrowed("localhost")
    } else if let Some(address) = ipv6(rest) {
        // An IPv6 address has many spellings.
        Cow::Owned(format!("[{address}]"))
    } else if rest.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(rest.to_ascii_lowercase())
    } else {
        Cow::Borrowed(rest)
    };
    Endpoint::Other { name, region }
}

/// Whether a name means this machine: the loopback interface, all interfaces, or LocalStack's public
/// name for the loopback interface.
fn is_loopback(host: &str) -> bool {
    let ends_in = |name| host.eq_ignore_ascii_case(name) || strip_suffix(host, name).is_some();
    if ends_in("localhost") || ends_in("localhost.localstack.cloud") {
        return true;
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return address.is_loopback() || address.is_unspecified();
    }
    ipv6(host).is_some_and(|address| {
        let mapped = address.to_ipv4_mapped();
        address.is_loopback()
            || address.is_unspecified()
            || mapped.is_some_and(|address| address.is_loopback())
    })
}

fn ipv6(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// The label, if it has the form of a region name: `us-gov-west-1`.
fn region_label(label: &str) -> Option<&str> {
    let (letters, number) = label.rsplit_once('-')?;
    let well_formed = letters
        .bytes()
        .all(|b| b.is_ascii_alphabetic() || b == b'-')
        && letters.starts_with(|c: char| c.is_ascii_alphabetic())
        && letters.contains('-')
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit());
    (well_formed && label.len() <= 32).then_some(label)
}

/// The text before `.suffix`, ignoring case.
fn strip_suffix<'a>(host: &'a str, suffix: &str) -> Option<&'a str> {
    let dot = host.len().checked_sub(suffix.len() + 1)?;
    let (rest, end) = (host.get(..dot)?, host.get(dot..)?);
    (end.starts_with('.') && end[1..].eq_ignore_ascii_case(suffix)).then_some(rest)
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_read_from_amazons_host_names() {
        for (host, region) in [
            ("sqs.us-west-2.amazonaws.com", "us-west-2"),
            ("sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("sqs-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
            ("sqs.eu-west-1.api.aws", "eu-west-1"),
            ("sqs-fips.us-east-1.api.aws", "us-east-1"),
            ("sqs.cn-north-1.api.amazonwebservices.com.cn", "cn-north-1"),
            ("sqs.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
            ("sqs.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"),
            ("sqs.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1"),
            ("sqs.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1"),
            ("sqs.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1"),
            ("queue.amazonaws.com", "us-east-1"),
            ("us-west-2.queue.amazonaws.com", "us-west-2"),
            ("cn-north-1.queue.amazonaws.com.cn", "cn-north-1"),
            (
                "vpce-0a1b2c3d-4e5f.sqs.us-west-2.vpce.amazonaws.com",
                "us-west-2",
            ),
            (
                "vpce-0a1b2c3d-4e5f-us-west-2a.sqs.us-west-2.vpce.amazonaws.com",
                "us-west-2",
            ),
            ("SQS.US-WEST-2.AmazonAWS.com", "US-WEST-2"),
        ] {
            assert_eq!(endpoint(host), Endpoint::Amazon(region), "{host}");
        }
    }

    #[test]
    fn a_region_of_another_partition_is_refused() {
        for host in [
            "sqs.eu-west-1.amazonaws.com.cn",
            "sqs.cn-north-1.amazonaws.com",
            "sqs.cn-north-1.api.aws",
            "CN-North-1.queue.amazonaws.com",
            "queue.amazonaws.com.cn",
            "sqs.us-gov-west-1.amazonaws.com.cn",
            "sqs.us-iso-east-1.amazonaws.com",
            "sqs.us-iso-east-1.sc2s.sgov.gov",
            "sqs.eu-west-1.amazonaws.eu",
            "sqs.eusc-de-east-1.amazonaws.com",
            "vpce-1-2.sqs.eu-west-1.vpce.amazonaws.com.cn",
        ] {
            assert_eq!(endpoint(host), Endpoint::WrongPartition, "{host}");
        }
    }

    #[test]
    fn other_host_names_are_normalized() {
        for (host, name, region) in [
            ("localhost", "localhost", None),
            ("LocalHost", "localhost", None),
            ("[::1]", "localhost", None),
            ("[0:0:0:0:0:0:0:1]", "localhost", None),
            ("127.0.0.1", "localhost", None),
            ("0.0.0.0", "localhost", None),
            ("localhost.localstack.cloud", "localhost", None),
            (
                "sqs.eu-west-1.localhost.localstack.cloud",
                "localhost",
                Some("eu-west-1"),
            ),
            (
                "eu-west-1.queue.localhost.localstack.cloud",
                "localhost",
                Some("eu-west-1"),
            ),
            (
                "queue.localhost.localstack.cloud",
                "localhost",
                Some("us-east-1"),
            ),
            ("sqs.eu-west-1.localstack", "localstack", Some("eu-west-1")),
            ("[2001:DB8::0:1]", "[2001:db8::1]", None),
            ("Proxy.example", "proxy.example", None),
            ("queue.example", "queue.example", None),
            ("sqs.example.com", "sqs.example.com", None),
        ] {
            let expected = Endpoint::Other {
                name: name.into(),
                region,
            };
            assert_eq!(endpoint(host), expected, "{host}");
        }
    }

    #[test]
    fn names_that_only_resemble_amazons_are_other_servers() {
        for host in [
            "sqs.us-west-2.amazonaws.com.evil.example",
            "sqs.us-west-2.evil-amazonaws.com",
            "sqs.us-west-2-amazonaws.com",
            "evil.sqs.us-west-2.amazonaws.com",
            "evil.queue.amazonaws.com",
            "s3.us-west-2.amazonaws.com",
            "x.sqs.us-west-2.vpce.amazonaws.com",
            "sqs.us-west-2.vpce.amazonaws.com",
            "us-west-2.queue.api.aws",
            "sqs.amazonaws.com",
            "sqs..amazonaws.com",
            "amazonaws.com",
            ".amazonaws.com",
            "",
        ] {
            assert!(matches!(endpoint(host), Endpoint::Other { .. }), "{host}");
        }
    }
}
