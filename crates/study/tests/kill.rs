//! Runs killed at random moments, and runs side by side, end in the bits of an undisturbed run.
#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Cargo builds examples before it runs tests, beside the folder of the tests' own programs.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let program = profile.join("examples").join(format!("killable{}", std::env::consts::EXE_SUFFIX));
    assert!(program.exists(), "{} is not built; run `cargo test` without --test", program.display());
    program
}

fn start(cache: &Path, result: &Path) -> Child {
    Command::new(program()).arg(cache).arg(result).stderr(Stdio::inherit()).spawn().unwrap()
}

fn undisturbed(folder: &Path) -> (String, Duration) {
    let result = folder.join("undisturbed.txt");
    let begin = Instant::now();
    assert!(start(&folder.join("undisturbed"), &result).wait().unwrap().success());
    (fs::read_to_string(result).unwrap(), begin.elapsed())
}

fn temporaries(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().ends_with("-tmp")).count()
}

#[test]
fn a_run_killed_forty_times_continues_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let (expected, duration) = undisturbed(folder.path());
    let (cache, result) = (folder.path().join("cache"), folder.path().join("result.txt"));
    let mut killed = 0;
    for kill in 0..40_u32 {
        let mut child = start(&cache, &result);
        // Anywhere in the first half of a whole run, in an order without pattern: a later run starts further on.
        let share = f64::from(kill * 7919 % 101) / 101.0;
        std::thread::sleep(duration.mul_f64(share / 2.0));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert_ne!(status.code(), Some(9), "something half-written had to be warned about");
        killed += u32::from(!status.success());
        if result.exists() {
            assert_eq!(fs::read_to_string(&result).unwrap(), expected, "after {kill} kills");
            fs::remove_file(&result).unwrap();
            fs::remove_dir_all(&cache).unwrap();
        }
    }
    assert!(killed >= 20, "only {killed} of 40 runs were killed before their end");
    assert!(start(&cache, &result).wait().unwrap().success());
    assert_eq!(fs::read_to_string(&result).unwrap(), expected);
    assert_eq!(temporaries(&cache), 0, "half-written files of killed runs were not removed");
    let parts = fs::read_dir(&cache).unwrap().flatten().filter(|entry| entry.path().is_dir()).count();
    assert_eq!(parts, 0, "parts of finished steps were not removed");
}

#[test]
fn runs_side_by_side_on_one_cache_give_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let (expected, _) = undisturbed(folder.path());
    let cache = folder.path().join("cache");
    for round in 0..3 {
        let results: Vec<PathBuf> = (0..4).map(|i| folder.path().join(format!("{round}-{i}"))).collect();
        let children: Vec<Child> = results.iter().map(|result| start(&cache, result)).collect();
        for (child, result) in children.into_iter().zip(results) {
            let status = child.wait_with_output().unwrap().status;
            assert!(status.success(), "{status}");
            assert_eq!(fs::read_to_string(result).unwrap(), expected);
        }
        fs::remove_dir_all(&cache).unwrap();
    }
}
