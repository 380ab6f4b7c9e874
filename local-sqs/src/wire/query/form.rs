//! A form as a tree: `A.1.B=x` is `x` under `B` under `1` under `A`.
//!
//! Invariant: no tree is deeper than a request of SQS needs, for any input.

use percent_encoding::percent_decode;
use std::collections::BTreeMap;
use std::str::Utf8Error;

/// The depth of the deepest parameter, `SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue`.
const DEEPEST: usize = 6;

/// A parameter's text, and the parameters under it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Form {
    text: Option<String>,
    parts: BTreeMap<String, Form>,
}

impl Form {
    /// Adds the parameters of another form, and replaces existing parameters with the same name.
    ///
    /// # Errors
    /// The decoded form is not UTF-8. Parameters that were added before the error stay.
    pub(super) fn extend(&mut self, encoded: &[u8]) -> Result<(), Utf8Error> {
        for pair in encoded
            .split(|&byte| byte == b'&')
            .filter(|it| !it.is_empty())
        {
            let mut halves = pair.splitn(2, |&byte| byte == b'=');
            let mut next = || decoded(halves.next().unwrap_or_default());
            let (name, value) = (next()?, next()?);
            if name.split('.').count() > DEEPEST {
                continue;
            }
            let mut part = &mut *self;
            for step in name.split('.') {
                part = part.parts.entry(step.to_owned()).or_default();
            }
            part.text = Some(value);
        }
        Ok(())
    }

    /// Removes a parameter and returns its text.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.take_part(name)?.text
    }

    pub(super) fn take_part(&mut self, name: &str) -> Option<Self> {
        self.parts.remove(name)
    }

    pub(super) fn remove_parts(&mut self, unwanted: impl Fn(&str) -> bool) {
        self.parts.retain(|name, _| !unwanted(name));
    }

    pub(super) fn has_parts(&self) -> bool {
        !self.parts.is_empty()
    }

    pub(super) fn into_text(self) -> Option<String> {
        self.text
    }

    pub(super) fn into_parts(self) -> impl Iterator<Item = (String, Self)> {
        self.parts.into_iter()
    }

    /// The parts of a list, in order of their numbers. A list without numbers has one part, or is empty if it also has
    /// no text: botocore sends an empty list in this way, and Amazon reads it so (recorded).
    pub(super) fn into_list(self) -> impl Iterator<Item = Self> {
        let number = |name: &String| name.parse::<u32>().ok();
        if self.parts.keys().any(|name| number(name).is_some()) {
            let numbered = self.parts.into_iter();
            let numbered = numbered.filter_map(|(name, part)| Some((number(&name)?, part)));
            numbered.collect::<BTreeMap<_, _>>()
        } else {
            let is_empty = self.parts.is_empty() && self.text.as_deref().is_none_or(str::is_empty);
            let alone = (!is_empty).then_some((1, self));
            alone.into_iter().collect()
        }
        .into_values()
    }
}

/// The decoded name or value of a pair.
fn decoded(encoded: &[u8]) -> Result<String, Utf8Error> {
    let spaced: Vec<_> = encoded
        .iter()
        .map(|&byte| if byte == b'+' { b' ' } else { byte })
        .collect();
    Ok(percent_decode(&spaced).decode_utf8()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(encoded: &str) -> Form {
        let mut form = Form::default();
        form.extend(encoded.as_bytes()).expect("UTF-8");
        form
    }

    #[test]
    fn lists_are_in_order_of_their_numbers() {
        for (form, expected) in [
            ("A.10=c&A.9=b&A.x=d&A.2=a", &["a", "b", "c"][..]),
            ("A=a", &["a"]),
            ("A=", &[]),
            ("A.1=", &[""]),
        ] {
            let list = parse(form).take_part("A").expect("a list");
            let texts: Vec<_> = list.into_list().filter_map(Form::into_text).collect();
            assert_eq!(texts, expected, "{form}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused() {
        for form in [&b"A=%FF"[..], b"%C3=a", b"A=\xff", b"A=%ED%A0%80"] {
            assert!(Form::default().extend(form).is_err(), "{form:?}");
        }
        let mut form = parse("A=%EF%BF%BD+%2B&&b");
        assert_eq!(form.take("A").as_deref(), Some("\u{fffd} +"));
        assert_eq!(form.take("b").as_deref(), Some(""));
    }

    #[test]
    fn parameters_that_are_too_deep_are_ignored() {
        assert_eq!(parse("a.b.c.d.e.f.g=1"), Form::default());
        assert!(parse("a.b.c.d.e.f=1").has_parts());
    }
}
