use anyhow::Result;
use clap::Args;

/// Arguments of `modelmend schema`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  modelmend schema > study.schema.json")]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self) -> Result<u8> {
        crate::output::line(&serde_json::to_string_pretty(&modelmend_study::schema::json_schema())?);
        Ok(0)
    }
}
