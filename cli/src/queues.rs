//! `sqs-rpc queues`: lists the hosts with a prefix.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use futures::stream::{self, StreamExt as _};
use serde_json::{Value, json};
use sqs_rpc::temporary_queues::{Examined, Sweep};

use crate::connection::Connection;
use crate::console::print;
use crate::failure::Failure;
use crate::hosts::{self, seconds};
use crate::signals::Signals;

/// Maximum number of concurrent GetQueueAttributes calls. SQS states no limit for this action, and eight calls are few
/// compared with the calls of the queues' owners.
const AT_A_TIME: usize = 8;

/// List the temporary host queues with a prefix: the age of each lease, and whether its owner is alive
///
/// Nothing is changed. Needs the permissions sqs:ListQueues and sqs:ListQueueTags, and sqs:GetQueueAttributes for the
/// numbers of messages.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The whole text before the UUID in the names of the hosts
    #[arg(long, default_value = sqs_rpc::protocol::names::DEFAULT_HOST_PREFIX)]
    prefix: String,
    /// Print a JSON array instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut signals = Signals::listen().map_err(Failure::other)?;
    tokio::select! {
        biased;
        () = signals.next() => Err(Failure::interrupted("interrupted before all hosts were examined")),
        result = list(arguments) => result,
    }
}

async fn list(arguments: Arguments) -> Result<(), Failure> {
    let client = arguments.connection.any_client().await?;
    let mut sweep = Sweep::new(&client, &arguments.prefix)
        .map_err(Failure::usage)?
        .dry_run();
    let bar = hosts::progress();
    let mut found = Vec::new();
    while let Some(host) = hosts::answer(sweep.next(), &bar)
        .await
        .map_err(Failure::other)?
    {
        bar.inc(1);
        bar.set_message(host.name.to_string());
        found.push(host);
    }
    bar.set_message("counting messages");
    let counted = found.into_iter().map(|host| async {
        let messages = messages(&client, &host).await;
        (host, messages)
    });
    let rows: Vec<_> = stream::iter(counted).buffered(AT_A_TIME).collect().await;
    bar.finish_and_clear();
    let text = if arguments.json {
        let rows = rows.iter().map(|(host, messages)| {
            let mut row = hosts::to_json(host);
            row["messages"] = json!(messages);
            row
        });
        format!("{}\n", Value::Array(rows.collect()))
    } else if rows.is_empty() {
        format!("no temporary queues with prefix {}\n", arguments.prefix)
    } else {
        format!("{}\n", table(&rows).trim_fmt())
    };
    print(&text)
}

fn table(rows: &[(Examined, Option<u64>)]) -> Table {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_header(["HOST", "LEASE AGE", "RETENTION", "MESSAGES", "VERDICT"]);
    for (host, messages) in rows {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        table.add_row([
            host.name.to_string(),
            or_dash(host.age.map(seconds)),
            or_dash(hosts::retention(host.lease).map(seconds)),
            or_dash(messages.map(|messages| messages.to_string())),
            hosts::verdict(host),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// The approximate number of all messages of a queue; `None` if the call fails.
async fn messages(client: &Client, host: &Examined) -> Option<u64> {
    let names = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ];
    let call = client.get_queue_attributes().queue_url(&*host.url);
    let call = call.set_attribute_names(Some(names.to_vec()));
    let attributes = call.send().await.ok()?.attributes?;
    let of = |name| attributes.get(name).and_then(|n| n.parse::<u64>().ok());
    Some(names.iter().filter_map(of).sum())
}
