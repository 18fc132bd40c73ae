//! Writes the page: the goals, then every figure, then the method.

use std::fmt::Write as _;

use anyhow::Result;

use super::goals;
use crate::contestants::OURS;
use crate::cost::{Cost, Costs, TWO_CPUS};
use crate::host::HostSide;
use crate::machine::Machine;
use crate::policy::{Dimensions, Family};
use crate::rate::{Absent, Rates};
use crate::reload::{Load, Reloads};
use crate::results::Results;
use crate::sample::Sample;

/// Load above which a run was not alone on its machine. The part before it kept one CPU busy.
const BUSY: f64 = 1.5;

/// Writes the whole page; `drawn` names the existing pictures.
pub(super) fn text(results: &Results, drawn: &[&str]) -> Result<String> {
    let mut page = String::from(
        "<!-- Written by `cargo xtask bench`; do not edit. -->\n\n# Benchmarks\n\n\
         Medians, with the smallest and the largest run in brackets. The figures behind this page are in\n\
         [benchmarks.json](benchmarks.json); `cargo xtask bench` measures them again.\n",
    );
    machines(&mut page, results)?;
    goals(&mut page, results)?;
    if let Some(cost) = &results.cost {
        costs(&mut page, &cost.results, drawn)?;
    }
    if let Some(rate) = &results.rate {
        rates(&mut page, &rate.results, drawn)?;
    }
    if let Some(reload) = &results.reload {
        reloads(&mut page, &reload.results, drawn)?;
    }
    if let Some(compile) = &results.compile {
        host_side(&mut page, &compile.results)?;
    }
    Ok(page)
}

fn machines(page: &mut String, results: &Results) -> Result<()> {
    page.push_str(
        "\n## Where\n\n| part | machine | kernel | commit | when | |\n|---|---|---|---|---|---|\n",
    );
    let machines = results.machines();
    for (part, machine, quick) in &machines {
        let Machine {
            processor,
            processors,
            mebibytes,
            kernel,
            commit,
            date,
            load,
            ..
        } = machine;
        let mut remarks = Vec::new();
        if *load > BUSY {
            remarks.push(format!("**busy machine**: load {load:.1} when it began"));
        }
        if *quick {
            remarks.push("**a quick run**: not for figures".to_owned());
        }
        writeln!(
            page,
            "| {part} | {processor}, {processors} CPUs, {mebibytes} MiB | {kernel} | {commit} | \
             {date} | {} |",
            remarks.join("; ")
        )?;
    }
    let mut peers: Vec<String> = Vec::new();
    for (_, machine, _) in &machines {
        for (peer, version) in &machine.peers {
            let named = format!("{peer} {version}");
            if !peers.contains(&named) {
                peers.push(named);
            }
        }
    }
    writeln!(
        page,
        "\nPeers, from Debian's packages: {}.",
        peers.join(", ")
    )?;
    Ok(())
}

fn goals(page: &mut String, results: &Results) -> Result<()> {
    let goals = goals::all(results);
    if goals.is_empty() {
        return Ok(());
    }
    page.push_str("\n## Goals\n\n| work | goal | got | peer | |\n|---|---|---|---|---|\n");
    for goal in &goals {
        let met = if goal.met { "met" } else { "**falls short**" };
        writeln!(
            page,
            "| {} | {} | {} | {} | {met} |",
            goal.work, goal.goal, goal.got, goal.peer
        )?;
    }
    if goals.iter().any(|goal| goal.shortfall().is_some()) {
        page.push_str("\nWhere it falls short:\n\n");
    }
    for goal in &goals {
        if let Some(why) = goal.shortfall() {
            writeln!(page, "- {}: {why}", goal.work)?;
        }
    }
    Ok(())
}

fn costs(page: &mut String, costs: &Costs, drawn: &[&str]) -> Result<()> {
    page.push_str(
        "\n## What a packet costs\n\n\
         The whole program of a generation in force, root and filter, by `BPF_PROG_TEST_RUN`: CPU time over\n\
         the number of packets, at least five runs after a warm-up, on one CPU. A policy is a set of so many\n\
         prefixes behind its first rule (a quarter of them networks, the others hosts, random), and rules\n\
         with a source, a protocol and ports each; or with every criterion that there is. *Hot* is the same\n\
         packet again and again, which the last rule matches. *Random* gives each packet another source, half\n\
         of them in a prefix of the policy, by a small program in front; what that program costs itself is\n\
         measured in front of an empty one, subtracted, and shown in the last column.\n",
    );
    pictures(page, &["cost-rules", "cost-prefixes"], drawn)?;
    page.push_str("\nFor comparison, in the same way, one hot packet:\n\n| program | ns/packet |\n|---|--:|\n");
    for other in &costs.others {
        writeln!(page, "| {} | {} |", other.program, shown(other.hot))?;
    }
    if let Some(two) = &costs.two_cpus {
        writeln!(
            page,
            "\nOne hot packet by {} rules on one CPU, ns/packet: {}. While another CPU filters the same packet,\n\
             by the same rules: {}.",
            TWO_CPUS.rules,
            shown(two.alone),
            shown(two.together)
        )?;
    }
    for (family, dimensions, title) in [
        (
            Family::V4,
            Dimensions::Basic,
            "IPv4; source, protocol and port",
        ),
        (
            Family::V6,
            Dimensions::Basic,
            "IPv6; source, protocol and port",
        ),
        (Family::V4, Dimensions::All, "IPv4; every criterion"),
        (Family::V6, Dimensions::All, "IPv6; every criterion"),
    ] {
        let of_table =
            |cost: &&Cost| cost.shape.family == family && cost.shape.dimensions == dimensions;
        let mut rows = costs.policies.iter().filter(of_table).peekable();
        if rows.peek().is_none() {
            continue;
        }
        write!(
            page,
            "\n{title}, ns/packet:\n\n| prefixes | rules | hot | random | (generator) |\n\
             |--:|--:|--:|--:|--:|\n"
        )?;
        for cost in rows {
            writeln!(
                page,
                "| {} | {} | {} | {} | {:.1} |",
                thousands(cost.shape.prefixes),
                thousands(cost.shape.rules),
                shown(cost.hot),
                shown(cost.random),
                cost.generator
            )?;
        }
    }
    Ok(())
}

fn rates(page: &mut String, rates: &Rates, drawn: &[&str]) -> Result<()> {
    page.push_str(
        "\n## How many packets are dropped on a veth\n\n\
         Live frames (`BPF_F_TEST_XDP_LIVE_FRAMES`) of 60 bytes from one end of a veth, a filter on the other,\n\
         both on one CPU, each filter in a network namespace of its own. Every packet is to be dropped: its\n\
         source is drawn evenly from the hosts of the rules or the prefixes of the set, so that filters which\n\
         go through their rules go through half of them. A rule is a host, UDP and a port; xdp-filter and\n\
         ipset match the host alone. All count what they drop. The rate is what the filter counted over the\n\
         CPU time that sending, the veth and the filter took together; the contestants take turns.\n",
    );
    if rates.without_softirqs {
        page.push_str(
            "\n**ksoftirqd could not be seen** where this was measured: what it took over is not in the CPU time, and\n\
             a rate may look higher than it is.\n",
        );
    }
    pictures(page, &["rate-rules", "rate-prefixes"], drawn)?;
    page.push_str("\n| rules | prefixes | | Mpps | ns/packet |\n|--:|--:|---|--:|--:|\n");
    for rate in &rates.rates {
        let each = rate.rate.nanoseconds_each();
        writeln!(
            page,
            "| {} | {} | {} | {:.3} [{:.3}–{:.3}] | {} |",
            thousands(rate.flood.rules),
            thousands(rate.flood.prefixes),
            rate.contestant,
            rate.rate.median / 1e6,
            rate.rate.min / 1e6,
            rate.rate.max / 1e6,
            shown(each)
        )?;
    }
    left_out(page, &rates.absent)
}

fn left_out(page: &mut String, absent: &[Absent]) -> Result<()> {
    if !absent.is_empty() {
        page.push_str("\nLeft out:\n\n");
    }
    for absent in absent {
        writeln!(
            page,
            "- {} with {} rules and {} prefixes: {}",
            absent.contestant,
            thousands(absent.flood.rules),
            thousands(absent.flood.prefixes),
            absent.why
        )?;
    }
    Ok(())
}

fn reloads(page: &mut String, reloads: &Reloads, drawn: &[&str]) -> Result<()> {
    page.push_str(
        "\n## What it takes to put a policy into force\n\n\
         The same policies. *Load* is from the start of the daemon until it says that it filters, and for a\n\
         peer the run of the command that loads a file (for xdp-filter, a command per host). *Edit* is from\n\
         the write of a file in which one line differs until the first packet would meet it, 50 ms of which\n\
         the daemon waits for more edits. Memory is what is resident in the daemon: the most while it\n\
         started, and a second later. What takes longer than 2 seconds is run three times, beyond 10 once.\n",
    );
    pictures(page, &["reload-rules", "reload-prefixes"], drawn)?;
    page.push_str(
        "\n| rules | prefixes | load, ms | edit, ms | MB, peak | MB, then |\n|--:|--:|--:|--:|--:|--:|\n",
    );
    for edit in &reloads.edits {
        let is = |load: &&Load| load.contestant == OURS && load.flood == edit.flood;
        let load = reloads.loads.iter().find(is);
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} |",
            thousands(edit.flood.rules),
            thousands(edit.flood.prefixes),
            load.map(|it| shown(it.load)).unwrap_or_default(),
            shown(edit.edit),
            shown(edit.peak),
            shown(edit.settled)
        )?;
    }
    page.push_str("\n| rules | prefixes | peer | load, ms |\n|--:|--:|---|--:|\n");
    for load in reloads.loads.iter().filter(|it| it.contestant != OURS) {
        writeln!(
            page,
            "| {} | {} | {} | {} |",
            thousands(load.flood.rules),
            thousands(load.flood.prefixes),
            load.contestant,
            shown(load.load)
        )?;
    }
    left_out(page, &reloads.absent)?;
    let idle = &reloads.idle;
    writeln!(
        page,
        "\nA daemon with 100 rules and nothing to do: {:.1} MB resident, {} wake-ups of any of its threads in\n\
         {} s.",
        idle.resident, idle.wakeups, idle.seconds
    )?;
    if let Some(gap) = &reloads.gap {
        writeln!(
            page,
            "\nThe longest gap between two packets, of which one is sent every 50 µs, while {} prefixes are\n\
             replaced by others and the old tables are freed: {} ms; without a reload: {} ms.",
            thousands(gap.flood.prefixes),
            shown(gap.edit),
            shown(gap.quiet)
        )?;
    }
    Ok(())
}

fn host_side(page: &mut String, sides: &[HostSide]) -> Result<()> {
    page.push_str(
        "\n## What the host does before the kernel is asked\n\n\
         By criterion (`bench/benches/compile.rs`): *read* is text to a checked configuration, *compile* is\n\
         that to tables.\n\n\
         | rules | prefixes | read, ms | compile, ms |\n|--:|--:|--:|--:|\n",
    );
    for side in sides {
        writeln!(
            page,
            "| {} | {} | {} | {} |",
            thousands(side.rules),
            thousands(side.prefixes),
            shown(side.read),
            shown(side.compile)
        )?;
    }
    Ok(())
}

/// Links the pictures that exist.
fn pictures(page: &mut String, names: &[&str], drawn: &[&str]) -> Result<()> {
    for name in names.iter().filter(|name| drawn.contains(name)) {
        write!(page, "\n![{name}](benchmarks/{name}.svg)\n")?;
    }
    Ok(())
}

/// `41.2 [40.9–44.0]`
fn shown(sample: Sample) -> String {
    let Sample {
        min, median, max, ..
    } = sample;
    // Three digits are enough.
    let digits = match median {
        100.0.. => 0,
        1.0.. => 1,
        _ => 2,
    };
    format!("{median:.digits$} [{min:.digits$}–{max:.digits$}]")
}

/// `1,000,000`
fn thousands(number: u32) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}
