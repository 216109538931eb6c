//! A file system in a file, mounted: what stands in the file is what a power cut leaves.
//!
//! A program that writes to the mounted file system writes to the memory of the system; only what is synced, or written
//! back in time, reaches the file. A copy of the file is a disk from which the power was taken at that moment. Timers that
//! write back are put off, so that only a program's own syncs save anything.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;

/// How often a copy is begun anew because the device was written to meanwhile.
const COPIES: u32 = 200;

/// A mounted image; unmounted when it is dropped.
pub(crate) struct Image {
    file: PathBuf,
    device: String,
    mounted: PathBuf,
}

impl Image {
    /// Makes an image of so many MiB, and mounts it at a place.
    pub(crate) fn make(file: &Path, mib: u64, at: &Path) -> Result<Self, Failure> {
        fs::File::create(file)?.set_len(mib * 1024 * 1024)?;
        tool("mkfs.ext4", &["-q", "-m", "0", &file.to_string_lossy()])?;
        Self::mount(file, at)
    }

    /// Mounts an image at a place.
    pub(crate) fn mount(file: &Path, at: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(at)?;
        let device = tool("losetup", &["--find", "--show", &file.to_string_lossy()])?;
        let device = device.trim().to_owned();
        // The journal of ext4 is otherwise written out every 5 seconds.
        let mounted = tool("mount", &["-o", "commit=300", &device, &at.to_string_lossy()]);
        if let Err(error) = mounted {
            let _ = tool("losetup", &["-d", &device]);
            return Err(error);
        }
        Ok(Self { file: file.to_owned(), device, mounted: at.to_owned() })
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        &self.mounted
    }

    /// Copies the image as it stands, while nobody writes to the device: a cut between two writes, not within one.
    /// `None` if it is written to all the time.
    pub(crate) fn cut(&self, copy: &Path) -> Result<Option<()>, Failure> {
        for _ in 0..COPIES {
            let before = self.writes()?;
            tool(
                "cp",
                &["--sparse=always", &self.file.to_string_lossy(), &copy.to_string_lossy()],
            )?;
            if before == self.writes()? && before.1 == 0 {
                return Ok(Some(()));
            }
        }
        fs::remove_file(copy)?;
        Ok(None)
    }

    /// How many writes and flushes the device has done, and how many requests it has under way.
    fn writes(&self) -> Result<(Vec<u64>, u64), Failure> {
        let name = self.device.trim_start_matches("/dev/");
        let read = fs::read_to_string(format!("/sys/block/{name}/stat"))?;
        let numbers: Vec<u64> =
            read.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        let at = |place: usize| numbers.get(place).copied().unwrap_or(0);
        Ok((vec![at(4), at(6), at(15)], at(8)))
    }

    /// Mounts it anew, to be read alone, or to be written.
    pub(crate) fn remount(&self, how: &str) -> Result<(), Failure> {
        tool("mount", &["-o", &format!("remount,{how}"), &self.mounted.to_string_lossy()])?;
        Ok(())
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let at = self.mounted.to_string_lossy().into_owned();
        // What was killed may hold it for a moment.
        for _ in 0..100 {
            if tool("umount", &[&at]).is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let _ = tool("losetup", &["-d", &self.device]);
    }
}

/// Runs a tool of the system and gives what it printed.
pub(crate) fn tool(name: &str, arguments: &[&str]) -> Result<String, Failure> {
    let output = Command::new(name).args(arguments).output();
    let output = output.map_err(|error| Failure::Absent(format!("{name}: {error}")))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    // Images are mounted by root alone, where there are loop devices.
    let failure = format!("{name} {}: {said}", arguments.join(" "));
    Err(if matches!(name, "losetup" | "mount") {
        Failure::Absent(failure)
    } else {
        Failure::Machine(failure)
    })
}
