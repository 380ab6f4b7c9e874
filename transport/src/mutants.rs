//! Deliberate faults in the code, which the simulation must find.
//!
//! A mutation point is `mutant!("name")`. It is `false` and compiles to nothing, unless the crates are built with
//! `--cfg mutants`. Then at most one mutant is active at a time. `docs/simulation.md` lists the mutants.

/// Whether this mutant is the active one.
#[cfg(not(mutants))]
#[doc(hidden)]
#[macro_export]
macro_rules! mutant {
    ($name:literal) => {
        false
    };
}

/// Whether this mutant is the active one.
#[cfg(mutants)]
#[doc(hidden)]
#[macro_export]
macro_rules! mutant {
    ($name:literal) => {
        $crate::mutants::is_active($name)
    };
}

#[cfg(mutants)]
static ACTIVE: std::sync::OnceLock<String> = std::sync::OnceLock::new();

/// Activates a mutant until the process ends. Later calls have no effect.
#[cfg(mutants)]
pub fn activate(name: &str) {
    ACTIVE.get_or_init(|| name.to_owned());
}

/// Whether this mutant is the active one.
#[cfg(mutants)]
#[must_use]
pub fn is_active(name: &str) -> bool {
    ACTIVE.get().is_some_and(|active| active == name)
}
