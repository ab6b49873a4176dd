//! What reports add up to: in a pane, and in a window (streams/counting/sums.py).

use std::ops::AddAssign;

use crate::counts::ReporterKind;

/// Defines Sums by the list of what is counted, in the order of the state.
macro_rules! sums {
    ($($name:ident),*) => {
        /// Sums over reports, of all kinds of reporters. `risk` is in millionths.
        #[derive(Clone, Copy, Default, PartialEq, Eq)]
        pub struct Sums { $(pub $name: i64),* }

        impl AddAssign for Sums {
            fn add_assign(&mut self, other: Sums) {
                $(self.$name += other.$name;)*
            }
        }

        impl Sums {
            pub const COUNT: usize = [$(stringify!($name)),*].len();

            pub fn numbers(&self) -> [i64; Self::COUNT] {
                [$(self.$name),*]
            }

            pub fn from_numbers(numbers: [i64; Self::COUNT]) -> Self {
                let [$($name),*] = numbers;
                Sums { $($name),* }
            }
        }
    };
}

sums!(reports, risk, trusted_flaggers, automated, state_actors, anonymous, without_ref);

impl Sums {
    /// So many come before a pane's other fields in the state, those that were added later come after them.
    pub const FIRST: usize = 7;
    /// The place of `risk`.
    pub const RISK: usize = 1;

    /// Count one report.
    pub fn count(&mut self, kind: ReporterKind, has_reporter: bool, risk: i64) {
        self.reports += 1;
        self.risk += risk;
        if !has_reporter {
            self.without_ref += 1;
        }
        match kind {
            ReporterKind::User => {}
            ReporterKind::Anonymous => self.anonymous += 1,
            ReporterKind::Automated => self.automated += 1,
            ReporterKind::TrustedFlagger => self.trusted_flaggers += 1,
            ReporterKind::StateActor => self.state_actors += 1,
        }
    }
}

/// The counts of a window, without those of stamps.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct WindowCounts {
    pub sums: Sums,
    pub distinct_reporters: i64,
}
