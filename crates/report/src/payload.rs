//! The data for the page's script, as JSON inside the page.

use serde::Serialize;

use crate::atlas::Sprite;
use crate::fields::{Field, SHOWN_CATEGORIES};
use crate::palette::{CATEGORIES, RAMP};
use crate::panels::{self, Context};

#[derive(Serialize)]
struct Payload<'a> {
    ids: Vec<&'a str>,
    /// Windows on the atlas.
    pictures: Vec<Option<String>>,
    fields: &'a [Field],
    subtypings: Vec<Labels<'a>>,
    /// The sizes of the tables of colours.
    categories: usize,
    ramp: usize,
    shown: usize,
}

#[derive(Serialize)]
struct Labels<'a> {
    title: String,
    names: Vec<String>,
    of: &'a [Option<usize>],
}

/// The data as JSON in which no character can end the element around it.
pub(crate) fn json(context: &Context<'_>) -> String {
    let input = context.input;
    let payload = Payload {
        ids: input.cases.iter().map(|case| case.id.as_str()).collect(),
        pictures: context.atlas.sprites.iter().map(|sprite| sprite.map(Sprite::view_box)).collect(),
        fields: &context.fields,
        subtypings: input
            .subtypings
            .iter()
            .map(|subtyping| Labels {
                title: panels::method_title(&subtyping.name),
                names: subtyping.subtypes.iter().map(|subtype| panels::kind_title(&subtype.name)).collect(),
                of: &subtyping.labels,
            })
            .collect(),
        categories: CATEGORIES,
        ramp: RAMP,
        shown: SHOWN_CATEGORIES,
    };
    // A payload of strings, finite numbers and lists always has a JSON form.
    serde_json::to_string(&payload).unwrap_or_default().replace('<', "\\u003c")
}
