//! What the rules of one object may cost, so that no rule holds a server up.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kube_cel::cel::Value;
use kube_cel::cel::context::VariableResolver;
use rustix::time::{ClockId, clock_gettime};

/// Steps of loops that one rule may take. Kubernetes lets a rule cost 1,000,000 units, of which a step is several.
const STEPS_PER_RULE: u64 = 1_000_000;
/// Bytes that one rule may make: texts, and elements of lists and maps. What Kubernetes lets a rule cost is used up by
/// 10 MB of joined text; a value takes more room here than its text.
const BYTES_PER_RULE: u64 = 64 << 20;
/// The time in which Kubernetes' budget for an object's rules is meant to be used up: of computing, since a machine that has
/// no time for this process is not a reason to refuse an object. A rule that runs when it is over has as much once more.
const TIME_PER_OBJECT: Duration = Duration::from_secs(1);
/// The variable that every loop reads before each of its steps.
pub(super) const STEP: &str = "@step";

/// What is spent at once. The interpreter hands nothing to a function but variables, so it is spent by reading one of a
/// name that says how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spending {
    /// Steps that no loop of the expression takes, but a function.
    Steps(u64),
    /// Bytes that are made.
    Bytes(u64),
}

impl Spending {
    /// The variable's name.
    pub(super) fn variable(self) -> String {
        match self {
            Self::Steps(steps) => format!("@steps {steps}"),
            Self::Bytes(bytes) => format!("@bytes {bytes}"),
        }
    }

    fn of(variable: &str) -> Option<Self> {
        match variable.split_once(' ')? {
            ("@steps", number) => number.parse().ok().map(Self::Steps),
            ("@bytes", number) => number.parse().ok().map(Self::Bytes),
            _ => None,
        }
    }
}

/// The budget of one object, whose rules one thread evaluates.
pub(crate) struct Budget {
    end: Instant,
    /// What the thread had computed at the beginning.
    before: Duration,
    spent: Cell<bool>,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self { end: Instant::now() + TIME_PER_OBJECT, before: computed(), spent: Cell::new(false) }
    }

    /// Whether it is used up.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.get() || (Instant::now() >= self.end && computed() >= self.before + TIME_PER_OBJECT)
    }

    /// No further rules of this object are evaluated.
    pub(super) fn spend(&self) {
        self.spent.set(true);
    }

    /// The steps of one evaluation.
    pub(super) fn steps(&self) -> Steps {
        Steps {
            left: AtomicU64::new(STEPS_PER_RULE),
            bytes: AtomicU64::new(BYTES_PER_RULE),
            end: self.end,
            before: OnceLock::new(),
            exceeded: AtomicBool::new(false),
        }
    }
}

/// How long this thread has computed.
fn computed() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// Counts the steps of loops, and the bytes that are made. When there are none left, the variable is gone: whoever reads
/// it ends with an error.
pub(super) struct Steps {
    left: AtomicU64,
    bytes: AtomicU64,
    end: Instant,
    /// What the thread had computed when the time was over.
    before: OnceLock<Duration>,
    exceeded: AtomicBool,
}

impl Steps {
    pub(super) fn exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Relaxed)
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.end && computed() >= *self.before.get_or_init(computed) + TIME_PER_OBJECT
    }

    /// One evaluation is one thread's.
    fn spend(&self, spending: Spending) -> bool {
        let (purse, price) = match spending {
            Spending::Steps(steps) => (&self.left, steps),
            Spending::Bytes(bytes) => (&self.bytes, bytes),
        };
        let left = purse.load(Ordering::Relaxed).checked_sub(price);
        let left = left.filter(|_| !self.exceeded() && !self.is_late());
        match left {
            Some(left) => purse.store(left, Ordering::Relaxed),
            None => self.exceeded.store(true, Ordering::Relaxed),
        }
        left.is_some()
    }
}

impl VariableResolver for Steps {
    fn resolve(&self, variable: &str) -> Option<Value> {
        if !variable.starts_with('@') {
            return None;
        }
        let spending = if variable == STEP { Spending::Steps(1) } else { Spending::of(variable)? };
        self.spend(spending).then_some(Value::Bool(true))
    }
}
