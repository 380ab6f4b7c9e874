//! Checks that the quotations in the table are in Amazon's documentation.
//!
//! Every SDK contains the API reference, so quotations from it must be in the installed reference. No software contains
//! the developer guide, so quotations from it are not checked.

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
        "quotations that are not in Amazon's API reference:\n  {}",
        wrong.join("\n  ")
    ))
}

/// The texts of quotations that are not in the reference. `...` stands for omitted text.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotations_that_are_not_in_the_reference_are_found() {
        let quotation = |page: &str, text: &str| -> Quotation {
            toml::from_str(&format!("page = '{page}'\ntext = '{text}'")).unwrap()
        };
        let quotations = [
            quotation("API_A", "Valid values: 0 to 900."),
            quotation("API_A", "Valid values: ... 15 minutes."),
            quotation("API_A", "Valid values: 0 to 901."),
            quotation("API_A", "Valid values: ... 16 minutes."),
            quotation("a-page-of-the-guide", "Nobody can tell."),
        ];
        let reference = "Text.\nValid values: 0 to 900. Maximum: 15 minutes.\n";
        let expected = ["Valid values: 0 to 901.", "Valid values: ... 16 minutes."];
        assert_eq!(wrong(&quotations, reference), expected);
    }
}
