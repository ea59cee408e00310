//! All thumbnails in one picture, so that a thousand of them cost one PNG and one decoding.

use crate::input::{ReportInput, Thumbnail};
use crate::raster::{self, Raster};

/// Most pixels in the atlas: a thousand of 28 x 28. Pure noise costs 4 bytes a pixel as base64 PNG, which leaves a third
/// of 5 MB to the rest of the page.
const PIXEL_BUDGET: usize = 800_000;
/// Most pixels of the pictures of all repairs together.
const REPAIR_BUDGET: usize = 120_000;
/// Most bytes of all pictures of the page.
const BYTE_BUDGET: usize = 3_150_000;
/// Bytes that a pixel of pure noise costs as base64 PNG.
const BYTES_PER_PIXEL: usize = 4;
/// Longest side of a thumbnail in the atlas, in pixels.
const LONGEST_SIDE: usize = 96;
/// Thumbnails are not reduced below this longest side; rather some cases go without.
const SHORTEST_LIMIT: usize = 12;

/// Where the picture of a case lies in the atlas, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sprite {
    pub x: usize,
    pub y: usize,
    pub width: usize,
    pub height: usize,
}

impl Sprite {
    /// The window on the atlas. Half a pixel stays outside, so that smoothing does not mix in the neighbours.
    pub(crate) fn view_box(self) -> String {
        let inset = |side: usize| if side > 4 { 0.5 } else { 0.0 };
        let (dx, dy) = (inset(self.width), inset(self.height));
        let (x, y) = (self.x as f64 + dx, self.y as f64 + dy);
        format!("{x} {y} {} {}", self.width as f64 - 2.0 * dx, self.height as f64 - 2.0 * dy)
    }
}

/// The atlas of a report.
#[derive(Debug, Clone, Default)]
pub(crate) struct Atlas {
    /// Width in pixels; 0 where no case has a picture.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// The PNG as base64.
    pub base64: String,
    /// A place per case (or other thing with a picture); `None` where it has no picture.
    pub sprites: Vec<Option<Sprite>>,
    /// Number of pictures left out because the budget was used up.
    pub left_out: usize,
}

impl Atlas {
    /// Packs the thumbnails of all cases; those nearest to a centre come first when not all have room.
    pub(crate) fn of_cases(input: &ReportInput) -> Self {
        Self::pack(input.cases.len(), &in_order_of_need(input), PIXEL_BUDGET)
    }

    /// Packs the pictures of each repair into what the pictures of the cases, `self`, leave of the budget; the first
    /// pictures come first when not all have room.
    pub(crate) fn of_repairs(&self, repairs: &[Vec<Option<&Thumbnail>>]) -> Vec<Self> {
        let left = BYTE_BUDGET.saturating_sub(self.base64.len()) / BYTES_PER_PIXEL;
        let budget = REPAIR_BUDGET.min(left) / repairs.len().max(1);
        let of_one = |pictures: &Vec<Option<&Thumbnail>>| {
            let numbered = pictures.iter().enumerate().filter_map(|(i, picture)| Some((i, (*picture)?)));
            let wanted: Vec<(usize, &Thumbnail)> = numbered.filter(|(_, p)| is_valid(p)).collect();
            Self::pack(pictures.len(), &wanted, budget)
        };
        repairs.iter().map(of_one).collect()
    }

    /// Packs the wanted pictures of `count` things as far as the budget of pixels goes.
    fn pack(count: usize, wanted: &[(usize, &Thumbnail)], budget: usize) -> Self {
        let limit = side_limit(wanted, budget);
        let mut used = 0;
        let mut small: Vec<(usize, Thumbnail)> = Vec::new();
        for &(index, thumbnail) in wanted {
            let (width, height) = reduced_size(thumbnail, limit);
            if used + width * height <= budget {
                used += width * height;
                small.push((index, reduce(thumbnail, width, height)));
            }
        }
        small.sort_by_key(|&(index, _)| index);
        let mut atlas = shelve(count, &small, used);
        atlas.left_out = wanted.len() - small.len();
        let mut rgb = vec![255; atlas.width * atlas.height * 3];
        for (index, thumbnail) in &small {
            if let Some(Some(sprite)) = atlas.sprites.get(*index) {
                paste(&mut rgb, atlas.width, thumbnail, sprite);
            }
        }
        atlas.base64 = raster::png(atlas.width, atlas.height, &Raster::Rgb(rgb)).unwrap_or_default();
        if atlas.base64.is_empty() {
            return Self { sprites: vec![None; count], left_out: wanted.len(), ..Self::default() };
        }
        atlas
    }

    /// Place of a picture by its index.
    pub(crate) fn sprite(&self, index: usize) -> Option<Sprite> {
        self.sprites.get(index).copied().flatten()
    }
}

/// Cases with a valid picture, those that the page shows without being asked first.
fn in_order_of_need(input: &ReportInput) -> Vec<(usize, &Thumbnail)> {
    let nearest = input.subtypings.iter().flat_map(|s| &s.subtypes).flat_map(|subtype| &subtype.nearest);
    let mut seen = vec![false; input.cases.len()];
    let mut order = Vec::new();
    for case in nearest.copied().chain(0..input.cases.len()) {
        let Some(seen) = seen.get_mut(case) else { continue };
        let thumbnail = input.cases.get(case).and_then(|case| case.thumbnail.as_ref());
        if let Some(thumbnail) = thumbnail.filter(|t| is_valid(t) && !*seen) {
            order.push((case, thumbnail));
        }
        *seen = true;
    }
    order
}

fn is_valid(thumbnail: &Thumbnail) -> bool {
    let bytes = thumbnail.width.checked_mul(thumbnail.height).and_then(|pixels| pixels.checked_mul(3));
    bytes.is_some_and(|bytes| bytes > 0 && bytes == thumbnail.rgb.len())
}

/// The longest side at which all pictures fit the budget, if there is one.
fn side_limit(wanted: &[(usize, &Thumbnail)], budget: usize) -> usize {
    let mut limit = LONGEST_SIDE;
    while limit > SHORTEST_LIMIT {
        let pixels: usize = wanted.iter().map(|(_, t)| reduced_size(t, limit)).map(|(w, h)| w * h).sum();
        if pixels <= budget {
            break;
        }
        limit -= 1;
    }
    limit
}

fn reduced_size(thumbnail: &Thumbnail, limit: usize) -> (usize, usize) {
    let factor = thumbnail.width.max(thumbnail.height).div_ceil(limit);
    ((thumbnail.width / factor).max(1), (thumbnail.height / factor).max(1))
}

/// Mean over blocks of whole pixels.
fn reduce(thumbnail: &Thumbnail, width: usize, height: usize) -> Thumbnail {
    let (bw, bh) = ((thumbnail.width / width).max(1), (thumbnail.height / height).max(1));
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let block = (0..bh).flat_map(|dy| (0..bw).map(move |dx| (y * bh + dy, x * bw + dx)));
                let pixel = |(row, column)| thumbnail.rgb.get((row * thumbnail.width + column) * 3 + channel);
                let (sum, n) = block.filter_map(pixel).fold((0, 0), |(s, n), &v| (s + usize::from(v), n + 1));
                rgb.push(u8::try_from((sum + n / 2) / n.max(1)).unwrap_or(u8::MAX));
            }
        }
    }
    Thumbnail { width, height, rgb }
}

/// Places pictures side by side on shelves of about the width of a square atlas.
fn shelve(count: usize, pictures: &[(usize, Thumbnail)], pixels: usize) -> Atlas {
    let widest = pictures.iter().map(|(_, t)| t.width).max().unwrap_or(0);
    let width = pixels.isqrt().max(widest);
    let mut atlas = Atlas { width, sprites: vec![None; count], ..Atlas::default() };
    let (mut x, mut y, mut shelf) = (0, 0, 0);
    for (index, picture) in pictures {
        if x + picture.width > width {
            (x, y, shelf) = (0, y + shelf, 0);
        }
        if let Some(sprite) = atlas.sprites.get_mut(*index) {
            *sprite = Some(Sprite { x, y, width: picture.width, height: picture.height });
        }
        x += picture.width;
        shelf = shelf.max(picture.height);
    }
    atlas.height = y + shelf;
    atlas
}

fn paste(rgb: &mut [u8], stride: usize, picture: &Thumbnail, at: &Sprite) {
    for (row, line) in picture.rgb.chunks_exact(picture.width * 3).enumerate() {
        let start = ((at.y + row) * stride + at.x) * 3;
        if let Some(target) = rgb.get_mut(start..start + line.len()) {
            target.copy_from_slice(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Case;
    use base64::Engine;

    fn report(thumbnails: Vec<Option<Thumbnail>>) -> ReportInput {
        let cases = thumbnails.into_iter().map(|thumbnail| Case { thumbnail, ..Case::default() }).collect();
        ReportInput { cases, ..ReportInput::default() }
    }

    fn plain(width: usize, height: usize, value: u8) -> Option<Thumbnail> {
        Some(Thumbnail { width, height, rgb: vec![value; width * height * 3] })
    }

    fn decode(atlas: &Atlas) -> Vec<u8> {
        let bytes = base64::engine::general_purpose::STANDARD.decode(&atlas.base64).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut rgb).unwrap();
        rgb
    }

    #[test]
    fn every_picture_is_found_at_its_place() {
        let atlas = Atlas::of_cases(&report(vec![plain(5, 3, 10), None, plain(2, 7, 20), plain(4, 4, 30)]));
        let rgb = decode(&atlas);
        for (case, value) in [(0, 10), (2, 20), (3, 30)] {
            let s = atlas.sprite(case).unwrap();
            for y in s.y..s.y + s.height {
                for x in s.x..s.x + s.width {
                    assert_eq!(rgb[(y * atlas.width + x) * 3 + 1], value);
                }
            }
        }
        assert_eq!(atlas.sprite(1), None);
    }

    #[test]
    fn broken_thumbnails_are_missing_pictures() {
        let broken = |width, height, bytes| Some(Thumbnail { width, height, rgb: vec![0; bytes] });
        let atlas = Atlas::of_cases(&report(vec![
            broken(usize::MAX, 2, 6),
            broken(0, 0, 0),
            broken(3, 3, 26),
            plain(2, 2, 1),
        ]));
        assert_eq!(atlas.sprites.iter().filter(|s| s.is_some()).count(), 1);
        assert!(Atlas::of_cases(&report(vec![None])).base64.is_empty());
    }

    #[test]
    fn reduction_is_the_mean_of_blocks() {
        let rgb = (0..4 * 4).flat_map(|i| [if i % 4 < 2 { 10 } else { 30 }, 0, 255]).collect();
        let small = reduce(&Thumbnail { width: 4, height: 4, rgb }, 2, 2);
        assert_eq!(small.rgb, [10, 0, 255, 30, 0, 255, 10, 0, 255, 30, 0, 255]);
    }

    #[test]
    fn repairs_get_what_the_cases_leave() {
        let (one, none) = (plain(20, 20, 5), None);
        let pictures = vec![vec![one.as_ref(), none.as_ref(), one.as_ref()], Vec::new()];
        let cases = Atlas::of_cases(&report(vec![plain(3, 3, 1)]));
        let repairs = cases.of_repairs(&pictures);
        assert_eq!(repairs[0].sprites.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
        assert!(repairs[1].base64.is_empty());
        let full = Atlas { base64: "A".repeat(BYTE_BUDGET), ..Atlas::default() };
        let repairs = full.of_repairs(&pictures);
        assert_eq!((repairs[0].left_out, repairs[0].width), (2, 0));
    }

    #[test]
    fn the_budget_holds_and_nearest_cases_come_first() {
        let mut input = report(vec![plain(30, 30, 1); 8_000]);
        let nearest = vec![7_999];
        let subtypes = vec![crate::input::Subtype { nearest, ..Default::default() }];
        input.subtypings = vec![crate::input::Subtyping { subtypes, ..Default::default() }];
        let atlas = Atlas::of_cases(&input);
        let pixels: usize = atlas.sprites.iter().flatten().map(|s| s.width * s.height).sum();
        assert!(pixels <= PIXEL_BUDGET);
        let shown = atlas.sprites.iter().flatten().count();
        assert_eq!(shown + atlas.left_out, 8_000);
        assert!(atlas.sprite(7_999).is_some());
    }
}
