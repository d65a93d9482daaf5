//! What the tests of the command share.
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "test support: a failure is a failed test")]
#![allow(clippy::allow_attributes, dead_code, unreachable_pub, reason = "each test uses a part")]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest, Sha256};

/// A file or folder of the test data.
pub fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("testdata").join(name)
}

/// The command, in an environment that does not depend on whose it is.
pub fn nanovhd() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("nanovhd"));
    command.env_remove("SOURCE_DATE_EPOCH").env_remove("NO_COLOR");
    command
}

/// A build of the Datacenter image of the test data.
pub fn build(output: &Path) -> Command {
    let mut command = nanovhd();
    command.arg("build").arg("--media").arg(testdata("media")).args(["--edition", "datacenter", "-o"]).arg(output);
    command
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Ran {
    let Output { status, stdout, stderr } = command.output().unwrap();
    // Names of an image need not be Unicode.
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { code: status.code(), out: text(stdout), err: text(stderr) }
}

/// Runs the command with arguments that must fail so, and gives its message.
pub fn fail(code: i32, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
    let ran = run(nanovhd().args(args));
    assert_eq!(ran.code, Some(code), "{ran:?}");
    assert!(ran.err.starts_with("error: "), "{ran:?}");
    assert_eq!(ran.out, "", "{ran:?}");
    ran.err
}

/// Runs a command that must succeed, and gives its output.
pub fn good(command: &mut Command) -> String {
    let ran = run(command);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.out
}

/// The names in a folder, hidden ones too.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The SHA-256 of a file.
pub fn sha256(path: &Path) -> String {
    let (mut file, mut hasher, mut buffer) = (File::open(path).unwrap(), Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => break,
            n => hasher.update(&buffer[..n]),
        }
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether programs are there. Says so if not, and fails if they are required.
pub fn have(tools: &[&str]) -> bool {
    let path = tool_path();
    let missing = tools.iter().find(|tool| !std::env::split_paths(&path).any(|dir| dir.join(tool).is_file()));
    let Some(tool) = missing else { return true };
    let required = std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_some_and(|v| v == "1");
    assert!(!required, "{tool} is required but not found");
    eprintln!("skipped: {tool} not found");
    false
}

/// The programs that check file systems are often outside a user's path.
fn tool_path() -> String {
    std::env::var("PATH").unwrap_or_default() + ":/sbin:/usr/sbin"
}

/// Another program.
pub fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env("PATH", tool_path()).env("LC_ALL", "C");
    command
}

/// Runs another program, which must succeed, and gives all that it said.
pub fn judge(name: &str, args: &[&OsStr]) -> String {
    let Ran { code, out, err } = run(tool(name).args(args));
    assert_eq!(code, Some(0), "{name} {args:?}: {err}\n{}", out.chars().take(2000).collect::<String>());
    out + &err
}

/// Copies a part of a disk to a file of its own, zeros as holes.
pub fn carve(disk: &Path, start: u64, len: u64, output: &Path) {
    let (mut disk, mut output) = (File::open(disk).unwrap(), File::create(output).unwrap());
    output.set_len(len).unwrap();
    disk.seek(SeekFrom::Start(start)).unwrap();
    let mut buffer = vec![0; 1 << 20];
    for at in (0..len).step_by(buffer.len()) {
        let n = buffer.len().min(usize::try_from(len - at).unwrap());
        disk.read_exact(&mut buffer[..n]).unwrap();
        if buffer[..n].iter().any(|&byte| byte != 0) {
            output.seek(SeekFrom::Start(at)).unwrap();
            output.write_all(&buffer[..n]).unwrap();
        }
    }
}
