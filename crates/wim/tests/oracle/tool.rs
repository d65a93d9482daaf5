//! Running `wimlib-imagex`.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::process::Command;

/// Whether there is a `wimlib-imagex`. Says so if not, and panics if there has to be one.
pub(crate) fn is_there() -> bool {
    match Command::new("wimlib-imagex").arg("--version").output() {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let required = std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_some_and(|value| value == "1");
            assert!(!required, "wimlib-imagex not found, but NANOVHD_REQUIRE_TOOLS=1");
            println!("skipped: wimlib-imagex not found");
            false
        }
        Err(error) => panic!("wimlib-imagex: {error}"),
    }
}

/// What a command prints; it has to succeed.
pub(crate) fn wimlib<S: AsRef<OsStr>>(arguments: &[S]) -> String {
    let output = Command::new("wimlib-imagex").args(arguments).output().unwrap();
    let list: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
    assert!(output.status.success(), "{list:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
