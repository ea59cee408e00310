//! What the user sees: errors, exit codes, progress.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};
use modelmend_learn::monitor::Monitor;
use modelmend_study::observer::{Observer, Source};
use modelmend_study::step::Step;

/// Exit code for an invalid study, model or input.
pub(crate) const INVALID: u8 = 2;
/// Exit code where a gate said no.
pub(crate) const REFUSED: u8 = 3;
/// Exit code after an interruption.
pub(crate) const INTERRUPTED: u8 = 130;

/// Prints an error as one or two lines on standard error.
#[allow(clippy::print_stderr, reason = "this is the place for it")]
pub(crate) fn error(error: &anyhow::Error) {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // A transparent wrapper repeats its cause.
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    eprintln!("error: {text}");
}

/// The exit code of an error.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    let interrupted = error.chain().any(|cause| {
        cause.is::<modelmend_study::observer::Interrupted>()
            || cause.is::<modelmend_learn::monitor::Interrupted>()
            || matches!(cause.downcast_ref(), Some(modelmend_failure::FailureError::Interrupted(_)))
            || matches!(cause.downcast_ref(), Some(modelmend_uncertainty::UncertaintyError::Interrupted(_)))
    });
    if interrupted { INTERRUPTED } else { INVALID }
}

/// Prints a line on standard output; a closed pipe is no error of ours.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A progress bar of a single piece of work, on a terminal only; it disappears when it is dropped.
pub(crate) struct Bar(Option<ProgressBar>);

impl Bar {
    pub(crate) fn new(message: &str) -> Self {
        Self(std::io::stderr().is_terminal().then(|| progress_bar(message.to_owned())))
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.iter().for_each(ProgressBar::finish_and_clear);
    }
}

impl Monitor for Bar {
    fn progress(&self, done: usize, total: usize) {
        self.0.iter().for_each(|bar| bar.set_position((THOUSANDTHS * done / total.max(1)) as u64));
    }

    fn interrupted(&self) -> bool {
        false
    }
}

/// Resolution of a bar.
const THOUSANDTHS: usize = 1000;

fn progress_bar(message: String) -> ProgressBar {
    let bar = ProgressBar::new(THOUSANDTHS as u64);
    let template = "{msg:32} [{bar:30}] {percent:>3} %  {elapsed} (rest {eta})";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(message);
    bar
}

/// Shows the steps of a run: a progress bar while one works (on a terminal only), a line when it is done.
pub(crate) struct Terminal {
    quiet: bool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Terminal {
    /// With `quiet` only warnings are shown.
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet, bar: Mutex::new(None) }
    }

    fn bar(&self) -> std::sync::MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    #[allow(clippy::print_stderr, reason = "this is the place for it")]
    fn say(&self, text: &str) {
        match self.bar().as_ref() {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }
}

fn title(step: &Step) -> String {
    if step.label.is_empty() { step.name.to_string() } else { format!("{} ({})", step.name, step.label) }
}

impl Observer for Terminal {
    fn step_started(&self, step: &Step) {
        if self.quiet || !std::io::stderr().is_terminal() {
            return;
        }
        *self.bar() = Some(progress_bar(title(step)));
    }

    fn progress(&self, _: &Step, fraction: f64) {
        if let Some(bar) = self.bar().as_ref() {
            bar.set_position((fraction * THOUSANDTHS as f64) as u64);
        }
    }

    fn step_finished(&self, step: &Step, source: Source, seconds: f64) {
        if let Some(bar) = self.bar().take() {
            bar.finish_and_clear();
        }
        if !self.quiet {
            let how = match source {
                Source::Cached => "cached",
                Source::Computed => "computed",
            };
            self.say(&format!("{:36} {how:9} {seconds:8.1} s", title(step)));
        }
    }

    fn warning(&self, text: &str) {
        self.say(&format!("warning: {text}"));
    }
}
