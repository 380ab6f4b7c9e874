//! The texts that are printed when the server is ready. Pure.

use std::fmt::Write as _;

use serde_json::json;

/// How to reach the server.
#[derive(Debug)]
pub(super) struct Introduction {
    pub(super) endpoint_url: String,
    pub(super) region: String,
    pub(super) account: String,
    /// The id of a key, if requests must be signed.
    pub(super) key_id: Option<String>,
    /// Names and URLs.
    pub(super) queues: Vec<(String, String)>,
}

impl Introduction {
    /// The introduction for a person, with lines to paste into a shell. The last line shows that the server is ready.
    pub(super) fn text(&self) -> String {
        let endpoint = &self.endpoint_url;
        let mut text =
            format!("in-memory SQS at {endpoint}; press Ctrl-C to stop, no data is kept\n\n");
        if !self.queues.is_empty() {
            text.push_str("queues:\n");
            for (_, url) in &self.queues {
                let _ = writeln!(text, "  {url}");
            }
            text.push('\n');
        }
        text.push_str("for AWS SDKs, the AWS CLI and sqs-rpc in another shell:\n");
        let mut set = |name: &str, value: &str| {
            let _ = if cfg!(windows) {
                writeln!(text, "  $env:{name} = \"{value}\"")
            } else {
                writeln!(text, "  export {name}={value}")
            };
        };
        set("AWS_ENDPOINT_URL_SQS", endpoint);
        set("AWS_REGION", &self.region);
        match &self.key_id {
            // The secret is not shown, because terminal output often ends up in logs.
            Some(id) => {
                set("AWS_ACCESS_KEY_ID", id);
                text.push_str("and set AWS_SECRET_ACCESS_KEY to the secret of this key\n");
            }
            None => {
                set("AWS_ACCESS_KEY_ID", "local");
                set("AWS_SECRET_ACCESS_KEY", "local");
            }
        }
        let _ = write!(
            text,
            "\nversion 1 of the AWS CLI also needs --endpoint-url {endpoint} in each command\n\nready"
        );
        text
    }

    /// The introduction as one line of JSON, for programs.
    pub(super) fn json(&self) -> String {
        let queues: serde_json::Map<_, _> = self
            .queues
            .iter()
            .map(|(name, url)| (name.clone(), json!(url)))
            .collect();
        let object = json!({
            "endpoint_url": self.endpoint_url,
            "region": self.region,
            "account": self.account,
            "queues": queues,
        });
        format!("{object}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn introduction(key_id: Option<&str>) -> Introduction {
        Introduction {
            endpoint_url: "http://127.0.0.1:1".to_owned(),
            region: "eu-west-1".to_owned(),
            account: "000000000000".to_owned(),
            key_id: key_id.map(str::to_owned),
            queues: vec![("a".to_owned(), "http://127.0.0.1:1/0/a".to_owned())],
        }
    }

    #[cfg(not(windows))]
    #[test]
    fn the_introduction_can_be_pasted_and_ends_with_ready() {
        let text = introduction(None).text();
        assert!(text.contains("\n  http://127.0.0.1:1/0/a\n"), "{text}");
        let exports: Vec<_> = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("export "))
            .collect();
        assert_eq!(
            exports,
            [
                "AWS_ENDPOINT_URL_SQS=http://127.0.0.1:1",
                "AWS_REGION=eu-west-1",
                "AWS_ACCESS_KEY_ID=local",
                "AWS_SECRET_ACCESS_KEY=local"
            ]
        );
        assert!(text.ends_with("\nready"));
        let signed = introduction(Some("AKID")).text();
        assert!(
            signed.contains("export AWS_ACCESS_KEY_ID=AKID\n"),
            "{signed}"
        );
        assert!(!signed.contains("AWS_SECRET_ACCESS_KEY=local"), "{signed}");
    }

    #[test]
    fn for_programs_the_introduction_is_one_line() {
        let line = introduction(None).json();
        assert_eq!(line.lines().count(), 1);
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["queues"]["a"], "http://127.0.0.1:1/0/a");
    }
}
