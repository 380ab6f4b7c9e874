//! Which region a host name of SQS speaks for.
//!
//! Owns the list of Amazon's host names. Does not own local servers: their host names say nothing.
//!
//! The names are those of the SDK's endpoint rules and partitions, and the older ones that SQS
//! still answers with:
//!
//! | form | example |
//! |---|---|
//! | today's | `sqs.us-west-2.amazonaws.com`, `sqs.cn-north-1.amazonaws.com.cn` |
//! | FIPS | `sqs-fips.us-east-1.amazonaws.com` |
//! | dual-stack | `sqs.us-west-2.api.aws` |
//! | VPC endpoint | `vpce-0a1b2c-3d4e.sqs.us-west-2.vpce.amazonaws.com` |
//! | legacy | `us-west-2.queue.amazonaws.com`, and `queue.amazonaws.com` for us-east-1 |

/// The ends of SQS's host names, one or two for each AWS partition.
const SUFFIXES: [&str; 14] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "api.aws",
    "api.amazonwebservices.com.cn",
    "api.amazonwebservices.eu",
    "c2s.ic.gov",
    "api.aws.ic.gov",
    "sc2s.sgov.gov",
    "api.aws.scloud",
    "cloud.adc-e.uk",
    "api.cloud-aws.adc-e.uk",
    "csp.hci.ic.gov",
    "api.aws.hci.ic.gov",
];

/// The region, if `authority` (host and optional port) is a host name of Amazon SQS.
pub(super) fn aws_region(authority: &str) -> Option<&str> {
    let (host, _) = split_port(authority);
    SUFFIXES
        .iter()
        .find_map(|suffix| region_before(strip_suffix(host, suffix)?))
}

/// Host and port; the port is empty if there is none.
pub(super) fn split_port(authority: &str) -> (&str, &str) {
    match authority.rsplit_once(':') {
        // The last colon of `[::1]` is within the brackets.
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, ""),
    }
}

/// The region in the part of a host name before a suffix of [`SUFFIXES`].
fn region_before(rest: &str) -> Option<&str> {
    if rest.eq_ignore_ascii_case("queue") {
        return Some("us-east-1");
    }
    if let Some(region) = strip_suffix(rest, "queue") {
        return region_label(region);
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

/// The label, if it has the form of a region: `us-gov-west-1`.
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

/// What stands before `.suffix`, in any casing.
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
    fn host_names_of_amazon_tell_their_region() {
        for (host, region) in [
            ("sqs.us-west-2.amazonaws.com", "us-west-2"),
            ("sqs.us-west-2.amazonaws.com:443", "us-west-2"),
            ("sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("sqs-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
            ("sqs.eu-west-1.api.aws", "eu-west-1"),
            ("sqs.cn-north-1.api.amazonwebservices.com.cn", "cn-north-1"),
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
            assert_eq!(aws_region(host), Some(region), "{host}");
        }
    }

    #[test]
    fn other_host_names_do_not() {
        for host in [
            "localhost:9324",
            "[::1]:9324",
            "127.0.0.1",
            "sqs.us-east-1.localhost.localstack.cloud",
            "sqs.us-west-2.amazonaws.com.evil.example",
            "sqs.us-west-2.evil-amazonaws.com",
            "sqs.us-west-2-amazonaws.com",
            "evil.sqs.us-west-2.amazonaws.com",
            "evil.queue.amazonaws.com",
            "s3.us-west-2.amazonaws.com",
            "x.sqs.us-west-2.vpce.amazonaws.com",
            "sqs.amazonaws.com",
            "sqs..amazonaws.com",
            "amazonaws.com",
            ".amazonaws.com",
            "",
        ] {
            assert_eq!(aws_region(host), None, "{host}");
        }
    }
}
