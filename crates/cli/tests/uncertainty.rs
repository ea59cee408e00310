//! `modelmend uncertainty`, run as a user runs it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use modelmend_data::formats::{Array, read_npy, read_pictures, write_npy, write_npz, write_png};
use modelmend_net::Model;
use modelmend_net::architecture::{Conv1d, DnCnn, conv1d, dncnn, with_variance};
use modelmend_net::interval::Rounding;
use modelmend_net::interval::network::{IntervalNetwork, Part};

fn network(channels: usize, dropout: f32) -> Model {
    dncnn(&DnCnn { channels, width: 4, depth: 3, dropout, seed: 1, ..DnCnn::default() }).unwrap()
}

/// The network with boxes of one size around all its weights.
fn interval_network() -> Model {
    let network = IntervalNetwork::new(&network(1, 0.1), &Part::All).unwrap();
    let parameters = network.model().parameters().clone();
    let moved = |(i, tensor): (usize, &modelmend_net::Tensor<f32>)| {
        let by = if i % 2 == 0 { -0.01 } else { 0.01 };
        tensor.data().iter().map(|weight| weight + by).collect::<Vec<f32>>()
    };
    let scalars: Vec<f32> = parameters.iter().enumerate().flat_map(moved).collect();
    network.export(&parameters.with_scalars(&scalars).unwrap(), Rounding::Nearest).unwrap()
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn model(&self, name: &str, model: &Model) -> PathBuf {
        let path = self.path(name);
        model.write(&path).unwrap();
        path
    }

    /// Three pictures of growing contrast.
    fn pictures(&self, colour: bool) -> PathBuf {
        let folder = self.path(if colour { "colour" } else { "grey" });
        for (i, name) in ["a.png", "b.png", "c.png"].iter().enumerate() {
            let value =
                |at: usize, c: usize| (at * 37 % (40 * (i + 1)) + if colour { 20 * c } else { 0 }) as u8;
            let rgb: Vec<u8> = (0..12 * 9).flat_map(|at| [0, 1, 2].map(|c| value(at, c))).collect();
            write_png(&folder.join(name), [12, 9], &rgb).unwrap();
        }
        folder
    }

    fn array(&self, name: &str, shape: &[usize]) -> PathBuf {
        let count = shape.iter().product::<usize>();
        let values: Vec<f32> = (0..count).map(|i| (i * 29 % 101) as f32 / 101.0).collect();
        let path = self.path(name);
        write_npy(&path, &Array::new(shape.to_vec(), values.into()).unwrap()).unwrap();
        path
    }
}

fn ask(model: &Path, input: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_modelmend"))
        .arg("uncertainty")
        .args([model, input])
        .args(arguments)
        .output()
        .unwrap()
}

fn floats(path: &Path) -> Vec<f32> {
    read_npy(path).unwrap().into_f32().unwrap()
}

/// Standard output of a command that must succeed.
fn said(done: &Output) -> String {
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// The one line of a command that must refuse.
fn refusal(done: &Output) -> String {
    let text = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(2), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    text
}

#[test]
fn an_interval_network_tells_the_width_of_its_intervals() {
    let place = Place::new();
    let (model, folder) = (place.model("inn.onnx", &interval_network()), place.pictures(true));
    let text = said(&ask(&model, &folder, &[]));
    let out = place.path("colour.uncertainty");
    let mut files: Vec<String> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let each = |name: &str| {
        ["inn.hi.npy", "inn.lo.npy", "inn.u.npy", "inn.u.png", "output.npy"]
            .map(|end| format!("{name}.{end}"))
    };
    assert_eq!(files, ["a", "b", "c"].map(each).concat());
    assert_eq!(read_npy(&out.join("a.inn.u.npy")).unwrap().shape(), [1, 1, 9, 12]);
    // The table: the most uncertain first, with the numbers of the files.
    let rows: Vec<Vec<&str>> = text.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
    let means: Vec<f64> = rows.iter().take(3).map(|row| row[1].parse().unwrap()).collect();
    assert!(means.is_sorted_by(|a, b| a >= b) && means[2] > 0.0, "{text}");
    let u = floats(&out.join(format!("{}.inn.u.npy", rows[0][0])));
    let mean = u.iter().map(|&u| f64::from(u)).sum::<f64>() / u.len() as f64;
    assert!((mean - means[0]).abs() < 1e-4, "{mean} {text}");
    // One scale: the most uncertain pixel of all is among the brightest, and other pictures are darker.
    let pictures = read_pictures(&out, false).unwrap();
    let brightest = |i: usize| pictures[i].values().iter().fold(0.0f32, |m, &v| m.max(v));
    let first = ["a", "b", "c"].iter().position(|name| *name == rows[0][0]).unwrap();
    assert!((0..3).all(|i| brightest(i) <= brightest(first)) && brightest(first) > 0.9);
}

#[test]
fn dropout_gives_the_same_spread_again_and_another_with_another_seed() {
    let place = Place::new();
    let (model, folder) = (place.model("net.onnx", &network(3, 0.2)), place.pictures(false));
    let run = |name: &str, seed: &str, threads: &str| {
        let out = place.path(name);
        let done = Command::new(env!("CARGO_BIN_EXE_modelmend"))
            .env("RAYON_NUM_THREADS", threads)
            .args(["uncertainty", model.to_str().unwrap(), folder.to_str().unwrap()])
            .args(["--passes", "5", "--seed", seed, "--out", out.to_str().unwrap()])
            .output()
            .unwrap();
        said(&done);
        (floats(&out.join("b.mcdropout.u.npy")), floats(&out.join("b.output.npy")))
    };
    let (one, again, other) = (run("one", "1", "1"), run("again", "1", "2"), run("other", "2", "2"));
    assert_eq!(one, again);
    assert_ne!(one.0, other.0);
    assert_eq!(one.1, other.1, "the output is that without dropout");
    assert!(one.0.iter().any(|&u| u > 0.0));
}

#[test]
fn a_predicted_variance_is_a_deviation_of_the_first_half_of_the_channels() {
    let place = Place::new();
    let model = place.model("probout.onnx", &with_variance(&network(1, 0.1), -3.0).unwrap());
    let input = place.array("x.npy", &[11, 1, 5, 7]);
    said(&ask(&model, &input, &["--method", "probout"]));
    let out = place.path("x.uncertainty");
    let u = read_npy(&out.join("03.probout.u.npy")).unwrap();
    assert_eq!(u.shape(), [1, 1, 5, 7]);
    assert!(u.into_f32().unwrap().iter().all(|u| (u - (-1.5f32).exp()).abs() < 1e-6));
    let plain = ask(
        &place.model("net.onnx", &network(1, 0.1)),
        &input,
        &["--out", place.path("p").to_str().unwrap()],
    );
    said(&plain);
    assert_eq!(floats(&out.join("03.output.npy")), floats(&place.path("p/03.output.npy")));
}

#[test]
fn signals_and_named_arrays_are_read_too() {
    let place = Place::new();
    let net = conv1d(&Conv1d { base: 2, dropout: Some(0.1), seed: 1 }).unwrap();
    let name = net.graph().inputs()[0].name.clone();
    let model = place.model("net.onnx", &net);
    let array = read_npy(&place.array("x.npy", &[2, 1, 64])).unwrap();
    let input = place.path("x.npz");
    write_npz(&input, [(name, array)]).unwrap();
    said(&ask(&model, &input, &["--method", "mcdropout"]));
    let out = place.path("x.uncertainty");
    assert_eq!(read_npy(&out.join("1.mcdropout.u.npy")).unwrap().shape(), [1, 1, 64]);
    let pictures = read_pictures(&out, false).unwrap();
    assert_eq!((pictures[0].width(), pictures.len()), (64, 2));
}

#[test]
fn a_method_that_does_not_fit_is_refused_with_what_to_do() {
    let place = Place::new();
    let input = place.array("x.npy", &[1, 1, 8, 8]);
    let models = [
        ("plain.onnx", network(1, 0.0)),
        ("net.onnx", network(1, 0.1)),
        ("inn.onnx", interval_network()),
        ("probout.onnx", with_variance(&network(1, 0.1), -3.0).unwrap()),
    ];
    let models: Vec<PathBuf> = models.iter().map(|(name, model)| place.model(name, model)).collect();
    for (model, method, advice) in [
        (0, "inn", "models/inn.onnx"),
        (1, "inn", "models/inn.onnx"),
        (1, "probout", "models/probout.onnx"),
        (2, "mcdropout", "Dropout nodes"),
        (2, "probout", "models/probout.onnx"),
        (3, "mcdropout", "Dropout nodes"),
        (3, "inn", "models/inn.onnx"),
        (1, "ensemble", "ensemble=FILE"),
        (1, "error", "error=FILE"),
        (1, "tta=net.onnx", "takes no file"),
        (1, "inn=a.onnx,inn=b.onnx", "two files"),
        (1, "inn=gone.onnx", "gone.onnx"),
        (1, "guess", "the methods are"),
        (1, "mcdropout,inn", "models/inn.onnx"),
    ] {
        let text = refusal(&ask(&models[model], &input, &["--method", method]));
        assert!(text.contains(advice), "{method}: {text}");
    }
    assert!(!place.path("x.uncertainty").exists(), "nothing is written");
}

/// Several methods in one call, each with the network that it needs.
#[test]
fn methods_are_asked_side_by_side() {
    let place = Place::new();
    let (model, inn) =
        (place.model("net.onnx", &network(1, 0.1)), place.model("inn.onnx", &interval_network()));
    let other = dncnn(&DnCnn { channels: 1, width: 4, depth: 3, dropout: 0.1, seed: 2, ..DnCnn::default() });
    let other = place.model("other.onnx", &other.unwrap());
    let input = place.array("x.npy", &[2, 1, 8, 8]);
    let methods = format!("inn={},mcdropout,tta,gradient,ensemble={}", inn.display(), other.display());
    let text = said(&ask(&model, &input, &["--method", &methods]));
    let out = place.path("x.uncertainty");
    let map = |end: &str| floats(&out.join(format!("1.{end}.npy")));
    for method in ["inn", "mcdropout", "tta", "gradient", "ensemble"] {
        assert!(text.contains(&format!("{method}: colours")), "{text}");
        assert!(map(&format!("{method}.u")).iter().any(|&u| u > 0.0), "{method}");
    }
    let (lo, hi, u) = (map("inn.lo"), map("inn.hi"), map("inn.u"));
    assert!(lo.iter().zip(&hi).zip(&u).all(|((lo, hi), u)| hi - lo == *u));
    assert!(!out.join("1.tta.lo.npy").exists(), "only bounds are written");
    // Two networks: the deviation is their distance over the root of two.
    let alone = |network: &Path| {
        said(&ask(network, &input, &["--out", place.path("alone").to_str().unwrap()]));
        floats(&place.path("alone/1.output.npy"))
    };
    let (first, second) = (alone(&model), alone(&other));
    let expected = first.iter().zip(&second).map(|(a, b)| (a - b).abs() / 2f32.sqrt());
    assert!(map("ensemble.u").iter().zip(expected).all(|(u, e)| (u - e).abs() < 1e-6));
    // Any model can be asked by its views and its gradient.
    said(&ask(&inn, &input, &["--method", "tta,gradient", "--out", place.path("any").to_str().unwrap()]));
    // The network of another study has no calibration here, and a folder without models is refused.
    let empty = place.path("empty");
    std::fs::create_dir(&empty).unwrap();
    assert!(refusal(&ask(&empty, &input, &[])).contains("models"));
}

#[test]
fn hostile_inputs_give_one_line() {
    let place = Place::new();
    let model = place.model("net.onnx", &network(1, 0.1));
    let good = place.array("good.npy", &[1, 1, 8, 8]);
    let text = |path: &str, text: &str| {
        std::fs::write(place.path(path), text).unwrap();
        place.path(path)
    };
    let empty = place.path("empty");
    std::fs::create_dir(&empty).unwrap();
    std::fs::write(empty.join("notes.txt"), "no picture").unwrap();
    let broken = place.path("broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("a.png"), "no picture").unwrap();
    let classifier = Path::new("nowhere.onnx").to_path_buf();
    for (model, input, named) in [
        (text("junk.onnx", "junk"), good.clone(), "junk.onnx"),
        (classifier, good.clone(), "nowhere.onnx"),
        (model.clone(), place.array("two.npy", &[1, 2, 8, 8]), "two.npy"),
        (model.clone(), place.array("flat.npy", &[4]), "flat.npy"),
        (model.clone(), place.array("none.npy", &[0, 1, 8, 8]), "none.npy"),
        (model.clone(), text("junk.npy", "junk"), "junk.npy"),
        (model.clone(), text("junk.npz", "junk"), "junk.npz"),
        (model.clone(), place.path("gone"), "gone"),
        (model.clone(), empty, "empty"),
        (model.clone(), broken, "a.png"),
    ] {
        let text = refusal(&ask(&model, &input, &["--out", place.path("out").to_str().unwrap()]));
        assert!(text.contains(named), "{named}: {text}");
    }
    let nan = place.path("nan.npy");
    write_npy(&nan, &Array::new(vec![1, 1, 2, 2], vec![0.0, f32::NAN, 0.0, 0.0].into()).unwrap()).unwrap();
    refusal(&ask(&model, &nan, &[]));
    let pictures = place.pictures(false);
    let among = refusal(&ask(&model, &pictures, &["--out", pictures.to_str().unwrap()]));
    assert!(among.contains("--out"), "{among}");
    let huge = place.path("huge.npy");
    write_npy(&huge, &Array::new(vec![1, 1, 2, 2], vec![f32::MAX; 4].into()).unwrap()).unwrap();
    refusal(&ask(&model, &huge, &[]));
    assert!(!place.path("out").exists());
}

#[test]
fn images_under_stress_stay_within_the_bound_and_other_networks_are_asked() {
    let place = Place::new();
    let (plain, inn) =
        (place.model("net.onnx", &network(1, 0.1)), place.model("inn.onnx", &interval_network()));
    let scans = place.array("scans.npy", &[3, 1, 12, 10]);
    let stress = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_modelmend"))
            .arg("stress")
            .args([&plain, &scans])
            .args(arguments)
            .output()
            .unwrap()
    };
    let text = said(&stress(&["--bound", "0.05", "--steps", "8", "--ask", inn.to_str().unwrap()]));
    let rows: Vec<&str> =
        text.lines().map(|line| line.split_whitespace().next().unwrap_or_default()).collect();
    assert_eq!(rows[2..4], ["mcdropout", "inn"], "{text}");
    let out = place.path("scans.stress");
    let (before, after) = (floats(&scans), floats(&out.join("1.adversarial.npy")));
    let moved = before[120..240].iter().zip(&after).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(moved > 0.01 && moved <= 0.05, "{moved}");
    for end in ["mask.npy", "change.npy", "output.npy", "mcdropout.u.npy", "mcdropout.u.png", "inn.u.png"] {
        assert!(out.join(format!("2.adversarial.{end}")).is_file(), "{end}");
    }
    for test in ["artefact", "noise"] {
        assert!(said(&stress(&["--test", test])).contains(test));
        assert_ne!(floats(&out.join(format!("0.{test}.npy"))), before[..120]);
    }
    let twice = place.model("mcdropout.onnx", &interval_network());
    assert!(refusal(&stress(&["--ask", twice.to_str().unwrap()])).contains("mcdropout"));
    let variance = place.model("two.onnx", &with_variance(&network(1, 0.0), -3.0).unwrap());
    let done = Command::new(env!("CARGO_BIN_EXE_modelmend")).arg("stress").args([&variance, &scans]).output();
    assert!(refusal(&done.unwrap()).contains("shape of their input"));
}
