//! `xdp-fw`: arguments, an operation, an exit code.

use std::process::ExitCode;

use clap::Parser;
use xdp_fw::cli::{self, Cli};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cli::usage(error),
    };
    match cli.run() {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
