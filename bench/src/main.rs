//! `xdp-fw-bench`: measures one part and prints the result as JSON, or writes a page of all
//! results. `cargo xtask bench` calls it.

mod bpf;
mod contestants;
mod cost;
mod daemon;
mod flood;
mod gap;
mod generator;
mod host;
mod instructions;
mod isolation;
mod machine;
mod policy;
mod rate;
mod reload;
mod report;
mod results;
mod sample;
mod two_cpus;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::machine::Machine;
use crate::results::{Measured, Results};

#[derive(Parser)]
#[command(about = "Measures xdp-fw and its peers; `cargo xtask bench` calls it")]
struct Arguments {
    #[command(subcommand)]
    operation: Operation,
}

#[derive(Subcommand)]
enum Operation {
    /// Measure ns/packet with test runs; needs root
    Cost(Choice),
    /// Measure the packets per second that filters drop on a veth; needs root
    Rate(Choice),
    /// Measure time and memory of loads and reloads; needs root
    Reload(Choice),
    /// Print what criterion.rs measured of the host
    Compile {
        /// Directory of criterion.rs
        criterion: PathBuf,
        #[command(flatten)]
        choice: Choice,
    },
    /// Write the page of all results
    Report {
        /// Directory of the results
        measured: PathBuf,
        /// Directory for the page
        docs: PathBuf,
    },
}

#[derive(clap::Args)]
struct Choice {
    /// Short runs of few sizes, as a check of the benchmark; no figures
    #[arg(long)]
    quick: bool,
}

fn main() -> ExitCode {
    match run(Arguments::parse().operation) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // `Debug` would print a backtrace above the remedy where RUST_BACKTRACE is set.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(operation: Operation) -> Result<()> {
    match operation {
        Operation::Cost(choice) => measure(&choice, Cpus::One, || cost::measure(choice.quick)),
        Operation::Rate(choice) => measure(&choice, Cpus::One, || rate::measure(choice.quick)),
        Operation::Reload(choice) => measure(&choice, Cpus::All, || reload::measure(choice.quick)),
        Operation::Compile { criterion, choice } => {
            print(&choice, Machine::here(), host::collect(&criterion)?)
        }
        Operation::Report { measured, docs } => report::write(&Results::read(&measured)?, &docs),
    }
}

/// The place where a part runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cpus {
    One,
    All,
}

/// Measures in isolation, and prints the result.
fn measure<T: Serialize>(
    choice: &Choice,
    cpus: Cpus,
    part: impl FnOnce() -> Result<T>,
) -> Result<()> {
    let machine = Machine::here();
    isolation::enter()?;
    if cpus == Cpus::One {
        isolation::pin()?;
    }
    print(choice, machine, part()?)
}

fn print<T: Serialize>(choice: &Choice, machine: Machine, results: T) -> Result<()> {
    let measured = Measured {
        machine,
        quick: choice.quick,
        results,
    };
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}
