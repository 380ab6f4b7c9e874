//! What every virtual queue does, whichever way it is used and whoever wrote the server: one suite of checks.
//!
//! Here it runs over each face on `local-sqs`, on a paused clock. `examples/contract.rs` runs it against a server of your
//! choice, in real time: no check depends on which of the two it is.

mod attributes;
mod bad_input;
mod face;
mod fifo;
mod gate;
mod lifetime;
mod messages;
mod site;
mod waits;

use futures::future::LocalBoxFuture;

pub(crate) use face::{Face, Subject};
pub(crate) use site::Site;

pub(crate) type CheckResult = Result<(), Box<dyn std::error::Error>>;

/// One check of the suite.
#[cfg(not(test))]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) run: for<'a> fn(&'a Subject) -> LocalBoxFuture<'a, CheckResult>,
}

/// All checks.
#[cfg(not(test))]
pub(crate) fn checks() -> impl Iterator<Item = &'static Check> {
    let all = [
        attributes::CHECKS,
        bad_input::CHECKS,
        fifo::CHECKS,
        lifetime::CHECKS,
        messages::CHECKS,
        waits::CHECKS,
    ];
    all.into_iter().flatten()
}

/// Makes a list of a module's checks, and each of them a test of each face.
macro_rules! contract {
    ($($check:ident),* $(,)?) => {
        #[cfg(not(test))]
        pub(super) const CHECKS: &[super::Check] = &[$(super::Check {
            name: stringify!($check),
            run: |subject| Box::pin($check(subject)),
        }),*];

        super::contract!(face handle Handle $($check)*);
        super::contract!(face drop_in Wire $($check)*);
        super::contract!(face fast_path FastPath $($check)*);
    };
    (face $module:ident $face:ident $($check:ident)*) => {
        #[cfg(test)]
        mod $module {
            $(
                #[tokio::test(start_paused = true)]
                async fn $check() -> super::super::CheckResult {
                    super::super::on_a_paused_clock(super::super::Face::$face, |subject| {
                        Box::pin(super::$check(subject))
                    })
                    .await
                }
            )*
        }
    };
}
use contract;

#[cfg(test)]
async fn on_a_paused_clock(
    face: Face,
    check: impl for<'a> Fn(&'a Subject) -> LocalBoxFuture<'a, CheckResult>,
) -> CheckResult {
    check(&Subject::new(Site::paused(), face).await).await
}
