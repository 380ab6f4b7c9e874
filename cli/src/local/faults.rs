//! Options for faults and delays: one for each setting of [`Behaviour`].

use std::time::Duration;

use local_sqs::engine::Action;
use local_sqs::{Behaviour, Date, Latency};

use crate::{number, time};

/// Options that inject faults and delays. Without them the server has none.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Faults and delays (P is a probability from 0 to 1)")]
pub(super) struct Faults {
    /// Behave like Amazon SQS on a normal day; the options below replace single settings
    #[arg(long)]
    like_amazon: bool,
    /// Time that each call takes; MEDIAN..P99 draws random times
    #[arg(long, value_name = "TIME", value_parser = latency)]
    latency: Option<Latency>,
    /// Time from the send until a message can be received; MEDIAN..P99 draws random times
    #[arg(long, value_name = "TIME", value_parser = latency)]
    delivery: Option<Latency>,
    /// Time after CreateQueue during which the new queue does not exist yet
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    settling: Option<Duration>,
    /// Time during which sends to a deleted queue are accepted and lost, at most 60s
    #[arg(long, value_name = "TIME", value_parser = deletion)]
    deletion: Option<Duration>,
    /// Maximum time during which replaced tags can still be read
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    stale_tags: Option<Duration>,
    /// The Date header of answers: exact, absent, ahead:TIME, behind:TIME or wavering:TIME
    #[arg(long, value_name = "DATE", value_parser = date)]
    date: Option<Date>,
    /// A received message is delivered again at once
    #[arg(long, value_name = "P", value_parser = probability)]
    duplicates: Option<f64>,
    /// A receive returns a message out of order
    #[arg(long, value_name = "P", value_parser = probability)]
    reordering: Option<f64>,
    /// A receive misses messages that are in the queue
    #[arg(long, value_name = "P", value_parser = probability)]
    missed: Option<f64>,
    /// Maximum relative error of the approximate numbers of messages, from 0 to 1
    #[arg(long, value_name = "PART", value_parser = probability)]
    count_error: Option<f64>,
    /// A call is refused with RequestThrottled
    #[arg(long, value_name = "P", value_parser = probability)]
    throttled: Option<f64>,
    /// A call is refused with ServiceUnavailable, status 503
    #[arg(long, value_name = "P", value_parser = probability)]
    unavailable: Option<f64>,
    /// A call has its effect, but the connection breaks before the answer
    #[arg(long, value_name = "P", value_parser = probability)]
    lost_answers: Option<f64>,
    /// An entry of a batch fails
    #[arg(long, value_name = "P", value_parser = probability)]
    failed_entries: Option<f64>,
    /// Maximum number of messages of a queue in flight [default: 120000]
    #[arg(long, value_name = "N", value_parser = most_in_flight)]
    most_in_flight: Option<usize>,
    /// Actions that --throttled, --unavailable and --lost-answers apply to, separated by commas [default: all]
    #[arg(long, value_name = "ACTION", value_delimiter = ',', value_parser = action)]
    only: Vec<Action>,
}

impl Faults {
    pub(super) fn behaviour(&self) -> Result<Behaviour, String> {
        let refusals = [self.throttled, self.unavailable, self.lost_answers];
        if !self.only.is_empty() && refusals.iter().all(Option::is_none) {
            return Err(
                "expected --throttled, --unavailable or --lost-answers together with --only, found none"
                    .to_owned(),
            );
        }
        let mut all = if self.like_amazon {
            Behaviour::like_aws()
        } else {
            Behaviour::default()
        };
        /// Applies each setting that was given.
        macro_rules! set {
            ($($name:ident)*) => {
                $(if let Some(value) = self.$name { all = all.$name(value); })*
            };
        }
        set!(latency delivery settling deletion stale_tags date);
        set!(duplicates reordering missed count_error);
        set!(throttled unavailable lost_answers failed_entries most_in_flight);
        Ok(all.only(self.only.iter().copied()))
    }
}

fn latency(text: &str) -> Result<Latency, String> {
    let Some((median, p99)) = text.split_once("..") else {
        return Ok(Latency::Fixed(time::parse(text)?));
    };
    let (median, p99) = (time::parse(median)?, time::parse(p99)?);
    if median.is_zero() || p99 < median {
        return Err(format!(
            "expected MEDIAN..P99 with a median above zero and a P99 that is not shorter, such as 6ms..30ms, found {text:?}"
        ));
    }
    Ok(Latency::Spread { median, p99 })
}

fn date(text: &str) -> Result<Date, String> {
    Ok(match text.split_once(':') {
        None if text == "exact" => Date::Exact,
        None if text == "absent" => Date::Absent,
        Some(("ahead", by)) => Date::Ahead(time::parse(by)?),
        Some(("behind", by)) => Date::Behind(time::parse(by)?),
        Some(("wavering", by)) => Date::Wavering(time::parse(by)?),
        _ => {
            return Err(format!(
                "expected exact, absent, ahead:TIME, behind:TIME or wavering:TIME, found {text:?}"
            ));
        }
    })
}

fn probability(text: &str) -> Result<f64, String> {
    number::within(text, 0.0..=1.0)
}

/// The bound is stated by SQS, and the engine enforces it.
fn deletion(text: &str) -> Result<Duration, String> {
    time::up_to(text, Duration::from_secs(60))
}

/// The upper bound is SQS's own quota.
fn most_in_flight(text: &str) -> Result<usize, String> {
    number::within(text, 0..=120_000)
}

fn action(text: &str) -> Result<Action, String> {
    Action::from_name(text).ok_or_else(|| {
        let names: Vec<_> = Action::ALL.iter().map(|action| action.name()).collect();
        format!("expected one of {}, found {text:?}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        faults: Faults,
    }

    fn behaviour(line: &str) -> Result<Behaviour, String> {
        let words = std::iter::once("x").chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        line.faults.behaviour()
    }

    #[test]
    fn each_setting_has_an_option() {
        let ms = Duration::from_millis;
        let line = "--latency 6ms..30ms --delivery 10ms --settling 1s --deletion 1m --stale-tags 2m --date ahead:5s \
                    --duplicates 0.1 --reordering 0.2 --missed 0.3 --count-error 0.4 --throttled 0.5 --unavailable 0.6 \
                    --lost-answers 0.7 --failed-entries 0.8 --most-in-flight 9 --only SendMessage,TagQueue";
        let expected = Behaviour::default()
            .latency(Latency::aws_call())
            .delivery(Latency::Fixed(ms(10)))
            .settling(ms(1_000))
            .deletion(ms(60_000))
            .stale_tags(ms(120_000))
            .date(Date::Ahead(ms(5_000)))
            .duplicates(0.1)
            .reordering(0.2)
            .missed(0.3)
            .count_error(0.4)
            .throttled(0.5)
            .unavailable(0.6)
            .lost_answers(0.7)
            .failed_entries(0.8)
            .most_in_flight(9)
            .only([Action::SendMessage, Action::TagQueue]);
        assert_eq!(behaviour(line), Ok(expected));
        assert_eq!(behaviour(""), Ok(Behaviour::default()));
    }

    #[test]
    fn an_option_replaces_a_setting_of_like_amazon() {
        let expected = Behaviour::like_aws().settling(Duration::ZERO);
        assert_eq!(behaviour("--like-amazon --settling 0s"), Ok(expected));
    }

    #[test]
    fn invalid_values_are_refused_with_what_was_expected() {
        for (line, part) in [
            ("--throttled 1.5", "from 0 to 1, found \"1.5\""),
            ("--throttled=-1", "from 0 to 1, found \"-1\""),
            ("--missed NaN", "from 0 to 1, found \"NaN\""),
            ("--latency 30ms..6ms", "found \"30ms..6ms\""),
            ("--latency 0s..6ms", "found \"0s..6ms\""),
            ("--latency 5", "unit"),
            ("--deletion 1h", "at most 1m, found \"1h\""),
            ("--most-in-flight 120001", "from 0 to 120000, found"),
            ("--most-in-flight x", "from 0 to 120000, found \"x\""),
            ("--date soon", "found \"soon\""),
            ("--throttled 1 --only Send", "SendMessageBatch"),
            ("--only SendMessage", "--throttled"),
        ] {
            let error = behaviour(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
