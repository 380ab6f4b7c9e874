//! Whether what the table quotes is what Amazon says.
//!
//! The API reference comes with every SDK; what is quoted from it must stand in the one that was installed. What is quoted
//! from the developer guide cannot be looked up without a network of people, and is not.

use std::time::Duration;

use tokio::process::Command;

use crate::install::Installed;
use crate::process::output;
use crate::table::{Quotation, Table};
use crate::{Failure, Folders};

const WITHIN: Duration = Duration::from_secs(60);

/// Checks each quotation from the API reference.
pub(crate) async fn quotations_are_true(
    table: &Table,
    folders: &Folders,
    installed: &Installed,
) -> Result<(), Failure> {
    let mut python = Command::new(installed.python("awscli-json", "python"));
    python.arg(folders.sources.join("python/documentation.py"));
    let reference = output(&mut python, WITHIN).await?;
    let quotations = table.causes.iter().flat_map(|cause| &cause.words);
    let wrong = wrong(quotations, &reference);
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!(
        "Amazon's API reference does not say:\n  {}",
        wrong.join("\n  ")
    ))
}

/// The texts of those that are not in the reference. Dots stand for what was left out.
fn wrong<'a>(quotations: impl IntoIterator<Item = &'a Quotation>, reference: &str) -> Vec<&'a str> {
    let quotations = quotations.into_iter();
    quotations
        .filter(|quotation| quotation.is_of_the_reference())
        .map(|quotation| quotation.text.as_str())
        .filter(|text| {
            text.split("...")
                .any(|part| !reference.contains(part.trim()))
        })
        .collect()
}
