//! Faults put into the code on purpose, to see that the simulation finds them.
//!
//! A mutation point is `mutant!("name")`: `false`, and no code at all, unless the crates are built with
//! `--cfg mutants`; then one of them is active at a time. `docs/simulation.md` lists them.

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

/// Activates a mutant, for the life of the process; the first one stays.
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
