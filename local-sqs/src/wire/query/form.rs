//! A form as a tree: `A.1.B=x` is `x` under `B` under `1` under `A`.
//!
//! Invariant: no tree is deeper than a request of SQS needs, whatever comes in.

use std::collections::BTreeMap;

/// The deepest is `SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue`.
const DEEPEST: usize = 6;

/// A parameter's text, and the parameters under it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Form {
    text: Option<String>,
    parts: BTreeMap<String, Form>,
}

impl Form {
    pub(super) fn parse(encoded: &[u8]) -> Self {
        let mut form = Self::default();
        form.extend(encoded);
        form
    }

    /// Adds the parameters of another form; those that both have are the other's.
    pub(super) fn extend(&mut self, encoded: &[u8]) {
        for (name, value) in form_urlencoded::parse(encoded) {
            if name.split('.').count() > DEEPEST {
                continue;
            }
            let mut part = &mut *self;
            for step in name.split('.') {
                part = part.parts.entry(step.to_owned()).or_default();
            }
            part.text = Some(value.into_owned());
        }
    }

    /// Takes out a parameter's text.
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

    /// The parts of a list, in order of their numbers.
    pub(super) fn into_numbered(self) -> impl Iterator<Item = Self> {
        let numbered = self
            .parts
            .into_iter()
            .filter_map(|(name, part)| Some((name.parse::<u32>().ok()?, part)));
        numbered.collect::<BTreeMap<_, _>>().into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_in_order_of_their_numbers() {
        let mut form = Form::parse(b"A.10=c&A.9=b&A.x=d&A.2=a");
        let list = form.take_part("A").expect("a list");
        let texts: Vec<_> = list.into_numbered().filter_map(Form::into_text).collect();
        assert_eq!(texts, ["a", "b", "c"]);
    }

    #[test]
    fn what_is_too_deep_is_left_out() {
        assert_eq!(Form::parse(b"a.b.c.d.e.f.g=1"), Form::default());
        assert!(Form::parse(b"a.b.c.d.e.f=1").has_parts());
    }
}
