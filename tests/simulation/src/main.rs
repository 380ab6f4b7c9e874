//! x
#![expect(clippy::print_stdout, reason = "a command-line tool")]
use sqs_rpc_simulation::{scenarios, world};
fn main() {
    let mut a = std::env::args().skip(1);
    let first: u64 = a.next().unwrap().parse().unwrap();
    let n: u64 = a.next().unwrap().parse().unwrap();
    let sc = a.next().filter(|s| s != "mix");
    let lines = a.next().is_some();
    for seed in first..first + n {
        let s = sc
            .as_deref()
            .map(|s| scenarios::Scenario::find(s).expect("scenario"));
        let plan = scenarios::plan_of(seed, s);
        let r = world::run(&plan, lines);
        if lines {
            println!("{plan}");
            for l in &r.lines {
                println!("{l}");
            }
        }
        let e = s.map(|s| s.expect(&r)).transpose();
        println!(
            "{seed} {:x?} {:?} {e:?}",
            r.trace,
            r.violation.map(|v| v.to_string())
        );
    }
}
