//! A machine with a BIOS, and what it says on its serial port.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Our machine; it needs no help by the processor.
pub(crate) const QEMU: &str = "qemu-system-x86_64";
/// A boot takes less than a second. Test machines may be slow.
const PATIENCE: Duration = Duration::from_secs(120);
/// What the boot code says last when it can't go on, and what the probe says.
const GIVEN_UP: &str = "Press a key";
const REPORT: &str = "PROBE ";

/// Whether a program is there. Says so if not, and fails if all are required.
pub(crate) fn have(tool: &str) -> bool {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).chain(["/sbin".into(), "/usr/sbin".into()]).any(|dir| dir.join(tool).is_file())
    });
    if !found {
        assert!(
            std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_none_or(|v| v != "1"),
            "{tool} is required but not found"
        );
        eprintln!("skipped: {tool} not found");
    }
    found
}

/// Starts a machine from a hard disk, `format` being QEMU's word for its container. What it says until
/// the probe has reported or the boot code has given up.
pub(crate) fn boot(disk: &Path, format: &str) -> String {
    start("pc", &["-drive", &format!("file={},format={format},if=ide,snapshot=on", disk.display())])
}

/// Starts another machine, with the hard disk at the last of some devices.
pub(crate) fn boot_on(machine: &str, devices: &[&str], disk: &Path) -> String {
    let drive = format!("file={},format=raw,if=none,id=disk,snapshot=on", disk.display());
    let devices = devices.iter().flat_map(|device| ["-device", device]);
    start(machine, &["-drive", &drive].into_iter().chain(devices).collect::<Vec<_>>())
}

/// Starts a machine without a hard disk from a diskette.
pub(crate) fn boot_diskette(disk: &Path) -> String {
    start("pc", &["-drive", &format!("file={},format=raw,if=floppy,snapshot=on", disk.display())])
}

fn start(machine: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(QEMU);
    // Without graphics, SeaBIOS shows its screen on the first serial port.
    command.args(["-machine", &format!("{machine},graphics=off"), "-accel", "tcg", "-m", "16", "-nodefaults"]);
    command.args(["-no-reboot", "-display", "none", "-serial", "stdio"]).args(arguments);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{QEMU}: {e}"));
    let said = listen(&mut child);
    let said = String::from_utf8_lossy(&said).into_owned();
    // It would run for ever. It may be off already, if QEMU did not like its arguments.
    let _ = child.kill();
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}\n{said}", String::from_utf8_lossy(&output.stderr));
    without_escapes(&said)
}

/// Whether there is a whole report, or none to come.
fn is_complete(said: &str) -> bool {
    said.contains(GIVEN_UP) || said.split_once(REPORT).is_some_and(|(_, report)| report.contains('\n'))
}

/// Gathers what the machine sends.
fn listen(child: &mut Child) -> Vec<u8> {
    let received = receive(child);
    let start = Instant::now();
    let mut said = Vec::new();
    while !is_complete(&String::from_utf8_lossy(&said)) {
        match received.recv_timeout(PATIENCE.saturating_sub(start.elapsed())) {
            Ok(bytes) => said.extend(bytes),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let _ = child.kill();
                panic!("the machine still runs after {PATIENCE:?}:\n{}", String::from_utf8_lossy(&said));
            }
        }
    }
    said
}

fn receive(child: &mut Child) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    let mut output = child.stdout.take().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = output.read(&mut buffer) {
            if sender.send(buffer[..n].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The text without the sequences that clear the screen and move the cursor.
fn without_escapes(text: &str) -> String {
    let mut clean = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\x1b' {
            clean.push(c);
        } else if chars.next() == Some('[') {
            // A sequence ends with its first letter.
            chars.find(char::is_ascii_alphabetic);
        }
    }
    clean
}

#[test]
fn escape_sequences_are_no_text() {
    assert_eq!(without_escapes("\x1bc\x1b[?7l\x1b[2Ja\x1b[0;1mb"), "ab");
}
