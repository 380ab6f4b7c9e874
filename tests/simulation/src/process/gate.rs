//! Stops, kills and reorders the tasks of one process.
//!
//! Every future of a process runs behind its gate. A shut gate does not poll them. A killed gate never polls them again, and
//! does not drop them before the end of the run, because a crash runs no destructor. An open gate sometimes moves a task to
//! the back of the queue first, so that the seed decides the order in which tasks run.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::dice::Dice;

/// The gate of one life of a process. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct Gate(Arc<Mutex<GateState>>);

struct GateState {
    mode: Mode,
    /// Tasks that want to run while the gate is shut.
    parked: Vec<Waker>,
    dice: Dice,
    /// The probability that a task is moved to the back of the queue.
    reorder: f64,
    /// The number of polls after which the process is killed.
    fuse: Option<u64>,
    on_fuse: Option<Box<dyn FnOnce() + Send>>,
    on_panic: Box<dyn Fn(String) + Send>,
    /// The futures of a killed process, dropped at the end of the run.
    remains: Vec<Box<dyn Any + Send>>,
    /// When the gate was last opened, in local time.
    resumed: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    Shut,
    Killed,
}

impl Gate {
    /// An open gate. `on_panic` is called with the text of each panic of a task.
    pub fn new(dice: Dice, reorder: f64, on_panic: impl Fn(String) + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(GateState {
            mode: Mode::Open,
            parked: Vec::new(),
            dice,
            reorder,
            fuse: None,
            on_fuse: None,
            on_panic: Box::new(on_panic),
            remains: Vec::new(),
            resumed: Duration::ZERO,
        })))
    }

    /// Puts a future behind the gate.
    #[must_use]
    pub fn wrap(&self, task: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        Gated {
            gate: self.clone(),
            task: Some(task),
            stepped_back: false,
        }
        .boxed()
    }

    /// Stops all tasks where they are.
    pub fn shut(&self) {
        let mut state = self.lock();
        if state.mode == Mode::Open {
            state.mode = Mode::Shut;
        }
    }

    /// Lets the tasks continue. `local`: the process's own time now.
    pub fn open(&self, local: Duration) {
        let parked = {
            let mut state = self.lock();
            if state.mode != Mode::Shut {
                return;
            }
            state.mode = Mode::Open;
            state.resumed = local;
            std::mem::take(&mut state.parked)
        };
        parked.into_iter().for_each(Waker::wake);
    }

    /// Kills the process: no task runs again. Returns `false` if it was already dead.
    pub fn kill(&self) -> bool {
        std::mem::replace(&mut self.lock().mode, Mode::Killed) != Mode::Killed
    }

    /// When the gate was last opened, on the process's own clock.
    #[must_use]
    pub fn resumed(&self) -> Duration {
        self.lock().resumed
    }

    /// Kills the process after this number of polls of its tasks, at any await point. Then calls `then`.
    pub fn kill_after(&self, polls: u64, then: impl FnOnce() + Send + 'static) {
        let mut state = self.lock();
        state.fuse = Some(polls);
        state.on_fuse = Some(Box::new(then));
    }

    /// Cancels [`kill_after`](Self::kill_after).
    pub fn defuse(&self) {
        let mut state = self.lock();
        state.fuse = None;
        state.on_fuse = None;
    }

    /// Whether the tasks run.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.lock().mode == Mode::Open
    }

    /// Whether the process was killed.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        self.lock().mode == Mode::Killed
    }

    /// Drops the futures of a killed process. For the end of the run, when no task runs any more.
    pub fn bury(&self) {
        // The closures and wakers refer to objects that refer to this gate, so they are dropped to break the cycle.
        let (parked, closures) = {
            let mut state = self.lock();
            let on_panic = std::mem::replace(&mut state.on_panic, Box::new(drop));
            (
                std::mem::take(&mut state.parked),
                (state.on_fuse.take(), on_panic),
            )
        };
        drop((parked, closures));
        loop {
            // Dropping a task may add the futures of other tasks.
            let remains = std::mem::take(&mut self.lock().remains);
            if remains.is_empty() {
                return;
            }
            drop(remains);
        }
    }

    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gate").field(&self.lock().mode).finish()
    }
}

struct Gated {
    gate: Gate,
    /// `None` after the task has ended.
    task: Option<BoxFuture<'static, ()>>,
    stepped_back: bool,
}

impl Gated {
    /// Whether the task may be polled now.
    fn admit(&mut self, cx: &Context<'_>) -> bool {
        let mut state = self.gate.lock();
        match state.mode {
            Mode::Killed => return false,
            Mode::Shut => {
                state.parked.push(cx.waker().clone());
                return false;
            }
            Mode::Open => {}
        }
        let reorder = state.reorder;
        if !self.stepped_back && state.dice.happens(reorder) {
            self.stepped_back = true;
            drop(state);
            cx.waker().wake_by_ref();
            return false;
        }
        self.stepped_back = false;
        if let Some(left) = &mut state.fuse {
            if *left == 0 {
                state.fuse = None;
                state.mode = Mode::Killed;
                let then = state.on_fuse.take();
                drop(state);
                if let Some(then) = then {
                    then();
                }
                return false;
            }
            *left -= 1;
        }
        true
    }
}

impl Future for Gated {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.admit(cx) {
            return Poll::Pending;
        }
        let Some(task) = &mut self.task else {
            return Poll::Ready(());
        };
        match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => {
                self.task = None;
                Poll::Ready(())
            }
            Err(panic) => {
                let text = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied());
                let text = text.unwrap_or("a panic").to_owned();
                (self.gate.lock().on_panic)(text);
                self.task = None;
                resume_unwind(panic)
            }
        }
    }
}

impl Drop for Gated {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            let mut state = self.gate.lock();
            if state.mode == Mode::Killed {
                state.remains.push(Box::new(task));
            } else {
                drop(state);
                drop(task);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::time::TrueTime;

    fn gate() -> Gate {
        Gate::new(Dice::new(1, "gate"), 0.5, |_| {})
    }

    struct Bell(Arc<AtomicUsize>);

    impl Drop for Bell {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn ticking(
        time: &TrueTime,
        rang: &Arc<AtomicUsize>,
        ticks: &Arc<AtomicUsize>,
    ) -> BoxFuture<'static, ()> {
        let (bell, ticks) = (Bell(Arc::clone(rang)), Arc::clone(ticks));
        let time = time.clone();
        async move {
            let _bell = bell;
            loop {
                time.sleep(Duration::from_secs(1)).await;
                ticks.fetch_add(1, Ordering::Relaxed);
            }
        }
        .boxed()
    }

    #[test]
    fn a_paused_task_stops_and_continues() {
        TrueTime::run(async |time| {
            let (gate, rang, ticks) = (gate(), Arc::default(), Arc::default());
            tokio::spawn(gate.wrap(ticking(&time, &rang, &ticks)));
            time.sleep(Duration::from_millis(3_500)).await;
            assert_eq!(ticks.load(Ordering::Relaxed), 3);
            gate.shut();
            time.sleep(Duration::from_secs(60)).await;
            assert_eq!(ticks.load(Ordering::Relaxed), 3);
            gate.open(Duration::ZERO);
            time.sleep(Duration::from_millis(2_500)).await;
            assert!(ticks.load(Ordering::Relaxed) >= 5);
        });
    }

    #[test]
    fn a_crash_runs_no_destructor_during_the_run() {
        TrueTime::run(async |time| {
            let (gate, rang, ticks) = (gate(), Arc::default(), Arc::default());
            let task = tokio::spawn(gate.wrap(ticking(&time, &rang, &ticks)));
            time.sleep(Duration::from_secs(2)).await;
            assert!(gate.kill());
            task.abort();
            time.sleep(Duration::from_secs(2)).await;
            assert_eq!(rang.load(Ordering::Relaxed), 0);
            gate.bury();
            assert_eq!(rang.load(Ordering::Relaxed), 1);
        });
    }

    #[test]
    fn kill_after_kills_at_the_given_poll() {
        TrueTime::run(async |time| {
            let (gate, rang, ticks) = (gate(), Arc::default(), Arc::default());
            let told = Arc::new(AtomicUsize::new(0));
            let tell = Arc::clone(&told);
            gate.kill_after(4, move || {
                tell.fetch_add(1, Ordering::Relaxed);
            });
            tokio::spawn(gate.wrap(ticking(&time, &rang, &ticks)));
            time.sleep(Duration::from_secs(60)).await;
            assert_eq!(ticks.load(Ordering::Relaxed), 3);
            assert!(gate.is_killed() && told.load(Ordering::Relaxed) == 1);
        });
    }
}
