//! A whole process, measured: wall time, CPU time and peak memory as the kernel gives them when it ends.
//!
//! Linux counts into a process's peak what it had before it became the program, which is this benchmark's own memory.
//! So the benchmark itself stays small, and whatever needs memory is a process of its own.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use wait4::{ResUse, Wait4};

use crate::Result;

/// What one run took. Times in seconds, memory and disk in bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sample {
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
    pub(crate) memory: u64,
    pub(crate) disk: u64,
}

impl Sample {
    fn new(start: Instant, used: &ResUse) -> Self {
        let wall = start.elapsed().as_secs_f64();
        let cpu = (used.rusage.utime + used.rusage.stime).as_secs_f64();
        Self { wall, cpu, memory: used.rusage.maxrss, disk: 0 }
    }

    pub(crate) fn with_disk(self, path: &Path) -> Result<Self> {
        Ok(Self { disk: disk_use(path)?, ..self })
    }

    /// The same with what a server used beside it.
    pub(crate) fn and_server(self, server: &ResUse) -> Self {
        let cpu = self.cpu + (server.rusage.utime + server.rusage.stime).as_secs_f64();
        Self { cpu, memory: self.memory + server.rusage.maxrss, ..self }
    }
}

/// Runs a process whose output is dropped.
pub(crate) fn measure(command: &mut Command) -> Result<Sample> {
    Ok(run(command.stdout(Stdio::null()))?.0)
}

/// Runs a process and gives what it printed.
pub(crate) fn measure_output(command: &mut Command) -> Result<(Sample, String)> {
    run(command.stdout(Stdio::piped()))
}

fn run(command: &mut Command) -> Result<(Sample, String)> {
    let errors = std::env::temp_dir().join(format!("scale-{}-errors", std::process::id()));
    command.stdin(Stdio::null()).stderr(File::create(&errors)?);
    let start = Instant::now();
    let mut child =
        command.spawn().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    let mut printed = String::new();
    if let Some(mut out) = child.stdout.take() {
        out.read_to_string(&mut printed)?;
    }
    let used = child.wait4()?;
    let sample = Sample::new(start, &used);
    let said = fs::read_to_string(&errors)?;
    fs::remove_file(&errors)?;
    if !used.status.success() {
        return Err(format!("{command:?}: {}\n{printed}{said}", used.status).into());
    }
    Ok((sample, printed))
}

/// A process that runs beside others until it is ended.
pub(crate) struct Server(Option<Child>);

impl Server {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(Some(command.spawn()?)))
    }

    /// Ends it and gives what it used.
    pub(crate) fn end(mut self) -> Result<ResUse> {
        let mut child = self.0.take().ok_or("the server has ended already")?;
        child.kill()?;
        Ok(child.wait4()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The bytes that a file, or everything in a directory, takes on the disk.
pub(crate) fn disk_use(path: &Path) -> Result<u64> {
    let about = fs::symlink_metadata(path)?;
    let mut bytes = about.blocks() * 512;
    if about.is_dir() {
        for entry in fs::read_dir(path)? {
            bytes += disk_use(&entry?.path())?;
        }
    }
    Ok(bytes)
}

/// Has everything written that is not yet, so that no run pays for the one before it.
pub(crate) fn settle() -> Result<()> {
    Command::new("sync").status()?;
    Ok(())
}

/// Removes a file or a directory, if it is there.
pub(crate) fn remove(path: &Path) -> Result<()> {
    if path.is_dir() {
        fs::remove_dir_all(path)?;
    } else if path.exists() {
        fs::remove_file(path)?;
    }
    Ok(())
}
