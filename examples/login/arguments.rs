//! The command line.

use std::error::Error;

use aws_config::BehaviorVersion;
use lexopt::prelude::*;

const HELP: &str = "\
cargo run --example login -- --role ROLE --queue-url URL [--endpoint-url URL] [--user NAME] [--password TEXT]

  --role frontend|backend   which half to run; without any argument both run on a local SQS
  --queue-url URL           the request queue
  --endpoint-url URL        another SQS than Amazon's, as `sqs-rpc local` prints it
  --user NAME               frontend: who logs in
  --password TEXT           frontend: without it, it is asked for

Region and credentials come from the usual AWS environment.";

pub(crate) struct Arguments {
    pub(crate) role: Role,
    pub(crate) queue_url: String,
    endpoint_url: Option<String>,
}

pub(crate) enum Role {
    Both,
    Backend,
    Frontend { user: String, password: String },
}

impl Arguments {
    /// `None` if it was asked for help, which is printed.
    pub(crate) fn from_command_line() -> Result<Option<Self>, Box<dyn Error + Send + Sync>> {
        let (mut role, mut queue_url, mut endpoint_url, mut user, mut password) =
            (None, None, None, None, None);
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            let slot = match argument {
                Long("help") | Short('h') => {
                    println!("{HELP}");
                    return Ok(None);
                }
                Long("role") => &mut role,
                Long("queue-url") => &mut queue_url,
                Long("endpoint-url") => &mut endpoint_url,
                Long("user") => &mut user,
                Long("password") => &mut password,
                _ => return Err(argument.unexpected().into()),
            };
            *slot = Some(parser.value()?.string()?);
        }
        let role = match role.as_deref() {
            None => Role::Both,
            Some("backend") => Role::Backend,
            Some("frontend") => {
                let user = user.ok_or("the frontend needs --user")?;
                let password =
                    password.map_or_else(|| rpassword::prompt_password("password: "), Ok)?;
                Role::Frontend { user, password }
            }
            Some(other) => {
                return Err(format!("--role is {other}; allowed are frontend and backend").into());
            }
        };
        let queue_url = match (&role, queue_url) {
            (Role::Both, _) => String::new(),
            (_, Some(url)) => url,
            (_, None) => return Err("--queue-url is missing".into()),
        };
        Ok(Some(Self {
            role,
            queue_url,
            endpoint_url,
        }))
    }

    /// A plain SDK client, as any program has one.
    pub(crate) async fn client(&self) -> aws_sdk_sqs::Client {
        let mut config = aws_config::defaults(BehaviorVersion::latest());
        if let Some(url) = &self.endpoint_url {
            config = config.endpoint_url(url);
        }
        aws_sdk_sqs::Client::new(&config.load().await)
    }
}
