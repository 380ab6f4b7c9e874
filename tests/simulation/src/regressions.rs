//! Seeds that failed once: `SEED [SCENARIO]  # what was wrong`, one a line.

use crate::scenarios::Scenario;

/// A seed that failed once.
#[derive(Debug, Clone, Copy)]
pub struct Regression {
    /// The seed.
    pub seed: u64,
    /// The scenario that was run alone; `None`: the one that the seed says.
    pub scenario: Option<&'static Scenario>,
}

/// Reads the list.
///
/// # Errors
/// The first line that is not understood.
pub fn read(text: &str) -> Result<Vec<Regression>, String> {
    let lines = text.lines().filter_map(|line| {
        let line = line.split('#').next().unwrap_or_default().trim();
        (!line.is_empty()).then_some(line)
    });
    lines
        .map(|line| {
            let (seed, name) = line
                .split_once(' ')
                .map_or((line, None), |(seed, name)| (seed, Some(name.trim())));
            let scenario = match name {
                None => None,
                Some(name) => Some(Scenario::find(name).ok_or_else(|| line.to_owned())?),
            };
            let seed = seed.parse().map_err(|_| line.to_owned())?;
            Ok(Regression { seed, scenario })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_seed_and_perhaps_a_scenario() {
        let read = read("# comment\n\n7  # odd\n8 f17 # other\n").expect("they are well formed");
        let seeds: Vec<_> = read
            .iter()
            .map(|it| (it.seed, it.scenario.map(|scenario| scenario.name)))
            .collect();
        assert_eq!(seeds, [(7, None), (8, Some("f17"))]);
    }

    #[test]
    fn what_is_not_understood_is_told() {
        assert_eq!(read("7 f99").expect_err("no such scenario"), "7 f99");
        assert!(read("x").is_err());
    }
}
