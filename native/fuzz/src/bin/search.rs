//! Runs one target under libFuzzer, which looks for inputs that reach other code. TOCSIN_FUZZ_TARGET names the target.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use tocsin_native_fuzz::{target, Target};

static TARGET: OnceLock<Target> = OnceLock::new();

fn named() -> Target {
    let name = std::env::var("TOCSIN_FUZZ_TARGET").unwrap_or_default();
    target(&name).unwrap_or_else(|| panic!("TOCSIN_FUZZ_TARGET={name:?} names no target"))
}

fuzz_target!(|input: &[u8]| {
    TARGET.get_or_init(named)(input);
});
