//! Whether what the table quotes is what Amazon says.
//!
//! The API reference comes with every SDK; what is quoted from it must stand in the one that was installed. What is quoted
//! from the developer guide comes with nothing, and is not looked up.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_reference_does_not_say_is_found() {
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
