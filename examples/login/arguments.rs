//! The command line.

use std::error::Error;

use aws_config::BehaviorVersion;
use clap::{Parser, ValueEnum};

/// A login over queues. Without arguments both halves run in one process, on a local SQS
///
/// Region and credentials come from the usual AWS environment.
#[derive(Debug, Parser)]
#[command(name = "cargo run --example login --")]
pub(crate) struct Arguments {
    /// The half to run
    #[arg(long, requires = "queue_url")]
    role: Option<Half>,
    /// The URL of the request queue
    #[arg(long, value_name = "URL", requires = "role")]
    queue_url: Option<String>,
    /// Another SQS than Amazon's, as `sqs-rpc local` prints it
    #[arg(long, value_name = "URL", requires = "role")]
    endpoint_url: Option<String>,
    /// Frontend: the user who logs in
    #[arg(long, value_name = "NAME", required_if_eq("role", "frontend"))]
    user: Option<String>,
    /// Frontend: the user's password; asked for if it is not given. alice has "correct horse battery staple", bob "hunter2"
    #[arg(long, value_name = "TEXT", requires = "user")]
    password: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Half {
    Frontend,
    Backend,
}

/// The part to run.
pub(crate) enum Role {
    Both,
    Backend {
        queue_url: String,
    },
    Frontend {
        queue_url: String,
        user: String,
        password: String,
    },
}

impl Arguments {
    pub(crate) fn role(&self) -> Result<Role, Box<dyn Error + Send + Sync>> {
        let (Some(half), Some(queue_url)) = (self.role, self.queue_url.clone()) else {
            return Ok(Role::Both);
        };
        let Half::Frontend = half else {
            return Ok(Role::Backend { queue_url });
        };
        let password = match &self.password {
            Some(password) => password.clone(),
            None => rpassword::prompt_password("password: ").map_err(|error| {
                format!(
                    "cannot read the password from the terminal, give it with --password: {error}"
                )
            })?,
        };
        Ok(Role::Frontend {
            queue_url,
            user: self.user.clone().unwrap_or_default(),
            password,
        })
    }

    /// A plain SDK client.
    pub(crate) async fn client(&self) -> aws_sdk_sqs::Client {
        let mut config = aws_config::defaults(BehaviorVersion::latest());
        if let Some(url) = &self.endpoint_url {
            config = config.endpoint_url(url);
        }
        aws_sdk_sqs::Client::new(&config.load().await)
    }
}
