//! What every virtual queue does, whichever way it is used: one suite, run over each face.

mod attributes;
mod bad_input;
mod face;
mod fifo;
mod lifetime;
mod messages;
mod waits;

/// Makes each check a test of each face.
macro_rules! contract {
    ($($check:ident),* $(,)?) => {
        mod handle {
            $(
                #[tokio::test(start_paused = true)]
                async fn $check() -> crate::support::TestResult {
                    super::$check(&crate::contract::face::Subject::by_handle().await).await
                }
            )*
        }
        mod drop_in {
            $(
                #[tokio::test(start_paused = true)]
                async fn $check() -> crate::support::TestResult {
                    super::$check(&crate::contract::face::Subject::by_client().await).await
                }
            )*
        }
    };
}
use contract;
