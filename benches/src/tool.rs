//! The programs that are run: nanovhd itself, and those of the peer.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs of `peer/pipeline.sh`, each with the Debian package that has it.
const PEER: &[(&str, &str)] = &[
    ("bash", "bash"),
    ("sfdisk", "fdisk"),
    ("mkntfs", "ntfs-3g"),
    ("wimlib-imagex", "wimtools"),
    ("mkfs.vfat", "dosfstools"),
    ("mcopy", "mtools"),
    ("hivexregedit", "libwin-hivex-perl"),
    ("qemu-img", "qemu-utils"),
];
/// nanovhd's command.
#[derive(Debug, Clone)]
pub struct Nanovhd {
    /// Its path.
    pub path: PathBuf,
    /// Whether it can leave the sync out.
    pub knows_no_sync: bool,
}

impl Nanovhd {
    /// The command at `path`, or beside this program, where `cargo build --release` puts both.
    ///
    /// # Errors
    /// That there is none.
    pub fn find(path: Option<&Path>) -> io::Result<Self> {
        let path = match path {
            Some(path) => path.to_owned(),
            None => {
                std::env::current_exe()?.with_file_name("nanovhd").with_extension(std::env::consts::EXE_EXTENSION)
            }
        };
        let help = Command::new(&path).args(["build", "--help"]).output().map_err(|e| {
            let path = path.display();
            io::Error::new(e.kind(), format!("can't run `{path}` ({e}): cargo build --release -p nanovhd-cli"))
        })?;
        let knows_no_sync = String::from_utf8_lossy(&help.stdout).contains("--no-sync");
        Ok(Self { path, knows_no_sync })
    }

    /// What a build of `image` would be. Another process finds it out, because memory that this one had at its
    /// peak would be counted for those that it starts.
    ///
    /// # Errors
    /// What nanovhd says, or that it says something else than expected.
    pub fn plan(&self, wim: &Path, image: u32) -> io::Result<Planned> {
        let mut command = Command::new(&self.path);
        command.arg("plan").arg("-m").arg(wim).args(["--image", &image.to_string(), "--json"]);
        let output = command.args(["--bcd-template", "builtin"]).output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()));
        }
        let plan: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let number = |value: &serde_json::Value, name: &str| {
            value.as_u64().ok_or_else(|| io::Error::other(format!("nanovhd plan --json gives no {name}")))
        };
        Ok(Planned {
            unpacked: number(&plan["contents"]["bytes"], "contents.bytes")?,
            disk: number(&plan["disk"]["size"], "disk.size")?,
        })
    }

    /// A build of `image` to `output`.
    pub fn build(&self, wim: &Path, image: u32, output: &Path, manner: Manner) -> Command {
        let mut command = Command::new(&self.path);
        command.arg("build").arg("-m").arg(wim).args(["--image", &image.to_string()]);
        command.args(["--bcd-template", "builtin", "--force", "--quiet", "-o"]).arg(output);
        if let Some(threads) = manner.threads {
            command.args(["--threads", &threads.to_string()]);
        }
        if !manner.sync && self.knows_no_sync {
            command.arg("--no-sync");
        }
        command
    }

    /// A check of every structure of `disk`; and of every file, if `wim` is given.
    pub fn verify(&self, disk: &Path, against: Option<(&Path, u32)>) -> Command {
        let mut command = Command::new(&self.path);
        command.arg("verify").arg(disk);
        if let Some((wim, image)) = against {
            let mut source = wim.as_os_str().to_owned();
            source.push(format!(":{image}"));
            command.arg("--against").arg(source);
        }
        command
    }
}

/// What nanovhd says that it would build.
#[derive(Debug, Clone, Copy)]
pub struct Planned {
    /// Bytes of contents.
    pub unpacked: u64,
    /// Bytes of the virtual disk.
    pub disk: u64,
}

/// How a build is done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// Threads that unpack; by default the program decides.
    pub threads: Option<usize>,
    /// Whether it waits until the output is on the disk.
    pub sync: bool,
}

/// The peer's pipeline.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The script.
    pub script: PathBuf,
}

impl Peer {
    /// The script of this folder, or another one that takes the same arguments.
    ///
    /// # Errors
    /// Which programs are missing, and how to get them.
    pub fn find(script: Option<&Path>) -> Result<Self, String> {
        let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("peer/pipeline.sh");
        let script = script.map_or_else(own, Path::to_owned);
        let missing: Vec<_> = PEER.iter().filter(|(program, _)| !is_there(program)).collect();
        if missing.is_empty() {
            return Ok(Self { script });
        }
        let programs: Vec<_> = missing.iter().map(|(program, _)| *program).collect();
        let packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
        Err(format!("missing: {}\non Debian: apt-get install {}", programs.join(", "), packages.join(" ")))
    }

    /// A build of `image` to `output`, a disk of `mib` MiB. Its steps are written to `steps`.
    pub fn build(&self, wim: &Path, image: u32, output: &Path, mib: u64, steps: &Path) -> Command {
        let mut command = Command::new("bash");
        command.arg(&self.script).arg(wim).arg(output).arg(mib.to_string());
        command.env("INDEX", image.to_string()).env("STEPS", steps);
        command
    }
}

/// Names and versions of the packages that the peer's programs come from, where dpkg knows them.
pub fn peer_versions() -> Vec<String> {
    let mut query = Command::new("dpkg-query");
    query.args(["-W", "-f", "${db:Status-Status} ${Package} ${Version}\n"]);
    query.args(PEER.iter().map(|(_, package)| package).filter(|package| **package != "bash"));
    let Ok(output) = query.output() else { return Vec::new() };
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter_map(|line| line.strip_prefix("installed ")).map(str::to_owned).collect()
}

/// Whether a program can be run. `sbin` folders are in few users' paths.
pub fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .any(|folder| folder.join(program).is_file())
}
