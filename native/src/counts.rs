#[derive(Clone, Copy, PartialEq, Eq)] pub enum ReporterKind { User, TrustedFlagger, Automated, StateActor, Anonymous }
#[derive(Clone, Copy)] pub struct Window { pub ring: usize, pub panes: i64 }
#[derive(Clone, Copy, Default)] pub struct WindowCounts { pub reports: i64, pub distinct_reporters: i64, pub risk_millionths: i64, pub trusted_flaggers: i64, pub automated: i64, pub state_actors: i64, pub anonymous: i64, pub without_ref: i64 }
pub struct ChannelCounts;
impl ChannelCounts {
  pub fn add(&mut self, _o: i64, _n: i64, _k: ReporterKind, _r: Option<u64>, _ri: i64, _m: Option<&str>, _t: i64) -> bool { true }
  pub fn measure(&self, _w: Window, _n: i64) -> WindowCounts { WindowCounts::default() }
}
pub fn is_held(_o: i64, _n: i64) -> bool { true }
pub fn union_distinct(_c: &[&ChannelCounts], _w: Window, _n: i64) -> i64 { 0 }
