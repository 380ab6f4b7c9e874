//! Chooses which actor goes next: all choices, depth first.
//!
//! By default a run continues with the first ready actor, and lets external events happen only when no actor is
//! ready. A run *deviates* each time that it chooses otherwise. All runs with up to a given number of deviations are
//! tried. No known race needs more deviations than it has participants.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A limit above the steps that any scenario needs, to detect endless loops.
const STEPS: usize = 300;

thread_local! {
    /// The current run, for [`may_be_preempted`].
    static RUNNING: RefCell<Option<Rc<Run>>> = const { RefCell::new(None) };
}

/// Called before a host's lock is taken: another actor may go first.
pub(in crate::multiplexer) fn may_be_preempted() {
    let running = RUNNING.with(|running| running.borrow().clone());
    if let Some(run) = running {
        run.preempt();
    }
}

/// One run of a scenario.
pub(super) struct Run {
    actors: RefCell<Vec<Actor>>,
    events: RefCell<Vec<Event>>,
    choices: RefCell<Choices>,
    steps: RefCell<Vec<String>>,
}

struct Actor {
    name: &'static str,
    /// `None` while the future is polled, and when it has ended.
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    woken: Arc<Flag>,
}

/// An event that happens once, at any time at which it is possible.
struct Event {
    name: &'static str,
    possible: Box<dyn Fn() -> bool>,
    happen: Option<Box<dyn FnOnce()>>,
}

#[derive(Debug)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The choices of a run: first the given choices, then always the first option.
#[derive(Default)]
struct Choices {
    given: Vec<usize>,
    made: Vec<(usize, usize)>,
    /// How many more choices may differ from the first option.
    deviations: usize,
}

#[derive(Clone, Copy)]
enum Step {
    Poll(usize),
    Happen(usize),
}

/// Runs `scenario` in every order with up to `deviations` deviations, and returns the number of orders. `scenario`
/// sets up a run, and returns a check for when nothing more can happen.
pub(super) fn explore<C: FnOnce()>(deviations: usize, scenario: impl Fn(&Rc<Run>) -> C) -> usize {
    let mut given = Vec::new();
    for runs in 1.. {
        let run = Rc::new(Run::new(std::mem::take(&mut given), deviations));
        let told = TellSteps(&run);
        let check = scenario(&run);
        let running = Running::begin(&run);
        run.to_the_end();
        drop(running);
        check();
        // The rest of the run is dropped before the scenario's own parts.
        run.actors.borrow_mut().clear();
        run.events.borrow_mut().clear();
        drop(told);
        match run.choices.borrow().next() {
            Some(next) => given = next,
            None => return runs,
        }
        assert!(
            runs < 1_000_000,
            "too many orders: make the scenario smaller"
        );
    }
    unreachable!("the range has no end")
}

impl Run {
    fn new(given: Vec<usize>, deviations: usize) -> Self {
        Self {
            actors: RefCell::default(),
            events: RefCell::default(),
            choices: RefCell::new(Choices {
                given,
                made: Vec::new(),
                deviations,
            }),
            steps: RefCell::default(),
        }
    }

    /// Adds a future; returns its number.
    pub(super) fn actor(
        &self,
        name: &'static str,
        future: impl Future<Output = ()> + 'static,
    ) -> usize {
        let mut actors = self.actors.borrow_mut();
        actors.push(Actor {
            name,
            future: Some(Box::pin(future)),
            woken: Arc::new(Flag(AtomicBool::new(true))),
        });
        actors.len() - 1
    }

    /// Adds an event that happens once, at some time at which it is possible.
    pub(super) fn event(
        &self,
        name: &'static str,
        possible: impl Fn() -> bool + 'static,
        happen: impl FnOnce() + 'static,
    ) {
        self.events.borrow_mut().push(Event {
            name,
            possible: Box::new(possible),
            happen: Some(Box::new(happen)),
        });
    }

    /// Adds the drop of an actor, at any time before it ends.
    pub(super) fn may_drop(self: &Rc<Self>, name: &'static str, actor: usize) {
        let (run, possible) = (Rc::downgrade(self), Rc::downgrade(self));
        let is_there = move || {
            let run = possible.upgrade().expect("the run is in progress");
            run.actors.borrow()[actor].future.is_some()
        };
        self.event(name, is_there, move || {
            let run = run.upgrade().expect("the run is in progress");
            let future = run.actors.borrow_mut()[actor].future.take();
            drop(future);
        });
    }

    fn to_the_end(&self) {
        for _ in 0..STEPS {
            let steps = self.possible();
            if steps.is_empty() {
                return;
            }
            let chosen = self.choices.borrow_mut().choose(steps.len());
            self.take(steps[chosen]);
        }
        panic!("the run does not end");
    }

    fn preempt(&self) {
        let steps = self.possible();
        // The first option is no preemption.
        let chosen = self.choices.borrow_mut().choose(steps.len() + 1);
        if let Some(chosen) = chosen.checked_sub(1) {
            self.steps.borrow_mut().push("before the lock:".into());
            self.take(steps[chosen]);
        }
    }

    fn possible(&self) -> Vec<Step> {
        let (actors, events) = (self.actors.borrow(), self.events.borrow());
        let polls = actors.iter().enumerate().filter_map(|(n, actor)| {
            let woken = actor.woken.0.load(Ordering::Relaxed);
            (woken && actor.future.is_some()).then_some(Step::Poll(n))
        });
        let events = events.iter().enumerate().filter_map(|(n, event)| {
            (event.happen.is_some() && (event.possible)()).then_some(Step::Happen(n))
        });
        polls.chain(events).collect()
    }

    fn take(&self, step: Step) {
        match step {
            Step::Poll(n) => {
                let (mut future, woken) = {
                    let actor = &mut self.actors.borrow_mut()[n];
                    self.steps.borrow_mut().push(actor.name.to_owned());
                    actor.woken.0.store(false, Ordering::Relaxed);
                    let future = actor
                        .future
                        .take()
                        .expect("only futures that exist are polled");
                    (future, Arc::clone(&actor.woken))
                };
                let waker = Waker::from(woken);
                let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
                if polled == Poll::Pending {
                    self.actors.borrow_mut()[n].future = Some(future);
                }
            }
            Step::Happen(n) => {
                let happen = {
                    let event = &mut self.events.borrow_mut()[n];
                    self.steps.borrow_mut().push(event.name.to_owned());
                    event.happen.take().expect("an event happens once")
                };
                happen();
            }
        }
    }
}

impl Choices {
    fn choose(&mut self, of: usize) -> usize {
        let choice = self.given.get(self.made.len()).copied().unwrap_or(0);
        self.made
            .push((choice, if self.deviations > 0 { of } else { 1 }));
        self.deviations -= usize::from(choice > 0);
        choice
    }

    /// The choices of the next run; `None` after the last.
    fn next(&self) -> Option<Vec<usize>> {
        let last = self
            .made
            .iter()
            .rposition(|(choice, of)| choice + 1 < *of)?;
        let mut next: Vec<_> = self.made[..=last]
            .iter()
            .map(|(choice, _)| *choice)
            .collect();
        next[last] += 1;
        Some(next)
    }
}

/// Makes a run known to [`may_be_preempted`].
struct Running;

impl Running {
    fn begin(run: &Rc<Run>) -> Self {
        RUNNING.with(|running| *running.borrow_mut() = Some(Rc::clone(run)));
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.with(|running| running.borrow_mut().take());
    }
}

/// Prints the steps of a run that fails.
struct TellSteps<'a>(&'a Rc<Run>);

impl Drop for TellSteps<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let steps = self.0.steps.try_borrow();
            eprintln!("the steps were: {:#?}", steps.as_deref());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Adds one to the value that it read before it was interrupted.
    async fn add(value: Rc<Cell<u32>>) {
        let read = value.get();
        tokio::task::yield_now().await;
        value.set(read + 1);
    }

    #[test]
    fn an_update_is_lost_in_some_orders_only() {
        let (mut lost, lost_in) = (0, Rc::new(Cell::new(0)));
        let runs = explore(usize::MAX, |run| {
            let value = Rc::new(Cell::new(0));
            run.actor("a", add(Rc::clone(&value)));
            run.actor("b", add(Rc::clone(&value)));
            let lost_in = Rc::clone(&lost_in);
            move || lost_in.set(lost_in.get() + u32::from(value.get() == 1))
        });
        lost += lost_in.get();
        // Two steps of each actor, in 6 orders, 2 of them without overlap.
        assert_eq!((runs, lost), (6, 4));
    }
}
