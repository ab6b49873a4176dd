//! `replay FOLDER...` runs every input in folders that are called as their target, and prints how many of them the core takes.
//! It needs neither libFuzzer nor nightly Rust, and runs in Miri.

use std::error::Error;
use std::path::PathBuf;

use tocsin_native_fuzz::target;

fn main() -> Result<(), Box<dyn Error>> {
    for folder in std::env::args_os().skip(1).map(PathBuf::from) {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let run = target(name).ok_or_else(|| format!("{name:?} is the name of no target"))?;
        let (mut inputs, mut taken) = (0, 0);
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let input = std::fs::read(&path)?;
            inputs += 1;
            let is_taken = std::panic::catch_unwind(|| run(&input))
                .map_err(|_| format!("{} makes {name} panic, see above", path.display()))?;
            taken += usize::from(is_taken);
        }
        println!("{name} {taken} {inputs}");
    }
    Ok(())
}
