//! One suite of checks for every virtual queue, independent of the interface and the server.
//!
//! These tests run the suite over each interface on `local-sqs`, on a paused clock. `examples/contract.rs` runs it
//! against any other server, in real time. No check depends on the server or the clock.

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

/// Lists a module's checks, and turns each check into a test of each interface.
macro_rules! contract {
    ($($check:ident),* $(,)?) => {
        #[cfg(not(test))]
        pub(super) const CHECKS: &[super::Check] = &[$(super::Check {
            name: stringify!($check),
            run: |subject| Box::pin($check(subject)),
        }),*];

        super::contract!(face handle Handle $($check)*);
        super::contract!(face drop_in DropIn $($check)*);
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
