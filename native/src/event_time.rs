//! The time of a partition (`EventTime` of streams/deciding/partition/time.py).

pub struct EventTime {
    pub now: i64,
    pub newest_append: i64,
}

impl EventTime {
    /// Move on for an event of `moment` that was appended at `appended`, both in ms.
    pub fn advance(&mut self, moment: i64, appended: i64) {
        let time = self.now.max(moment);
        if self.newest_append == 0 {
            self.newest_append = appended;
        } else if appended > self.newest_append {
            self.newest_append += (time - self.now).min(appended - self.newest_append);
        }
        self.now = time;
    }
}
