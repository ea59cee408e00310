//! Writing: complete files, no remains, clear errors.

mod sample;

use std::fs;

use modelmend_report::render;
use modelmend_report::write::write;

#[test]
fn report_and_figures_are_written_and_old_figures_go() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new/out");
    let input = sample::report(30);
    let first = write(&input, &out).unwrap();
    assert_eq!(fs::read_to_string(&first.report).unwrap(), render(&input));
    assert_eq!(fs::metadata(&first.report).unwrap().len(), first.bytes as u64);
    fs::write(out.join("figures/notes.txt"), "mine").unwrap();
    fs::write(out.join("figures/embedding-gradients.svg.part"), "left by a killed run").unwrap();

    let mut smaller = input;
    smaller.subtypings.truncate(1);
    let second = write(&smaller, &out).unwrap();
    assert!(second.figures.len() < first.figures.len());
    let svgs = fs::read_dir(out.join("figures")).unwrap().map(|e| e.unwrap().path());
    let (svgs, others): (Vec<_>, Vec<_>) =
        svgs.partition(|path| path.extension().is_some_and(|e| e == "svg"));
    assert_eq!(svgs.len(), second.figures.len());
    assert_eq!(others, [out.join("figures/notes.txt")], "files of others stay, aside files go");
}

#[test]
fn an_error_names_the_place_and_leaves_the_old_report() {
    let folder = tempfile::tempdir().unwrap();
    write(&sample::report(10), folder.path()).unwrap();
    fs::remove_dir_all(folder.path().join("figures")).unwrap();
    fs::write(folder.path().join("figures"), "a file where a folder belongs").unwrap();
    let before = fs::read(folder.path().join("report.html")).unwrap();
    let error = write(&sample::report(20), folder.path()).unwrap_err().to_string();
    assert!(error.contains("figures") && error.lines().count() <= 2, "{error}");
    assert_eq!(fs::read(folder.path().join("report.html")).unwrap(), before);
}
