//! A capture: a verdict per packet, then totals per rule and reason.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::json;
use xdp_fw_common::Verdict;

use crate::cli::table::{self, Audience};
use crate::cli::units;
use crate::cli::{Exit, Failure, block_on, output};
use crate::explain::Judgement;
use crate::interfaces;
use crate::names::quantity::counted;
use crate::names::quantity::grouped;
use crate::packet::capture::{Capture, Captured};
use crate::packet::{FRAME_MIN, printed};

use super::Explain;
use super::evaluator::Evaluator;
use super::render;
use super::report::JudgedBy;

/// What was seen of one capture.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// By what decided, in the order of first appearance: rules by name, reasons in brackets.
    rows: Vec<Total>,
    paths: BTreeMap<(String, Verdict), usize>,
    /// Packets of which the capture has only the beginning.
    cut: u64,
    /// Frames that are shorter than an Ethernet header.
    short: u64,
    /// Frames that this host sent.
    sent: u64,
}

/// What one rule or reason decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Total {
    rule: Option<String>,
    reason: Option<&'static str>,
    #[serde(serialize_with = "name")]
    verdict: Verdict,
    packets: u64,
    bytes: u64,
}

pub(super) fn run(
    asked: &Explain,
    evaluator: &mut Evaluator<'_>,
    file: &Path,
) -> Result<Exit, Failure> {
    let capture = Capture::open(file).map_err(|error| Failure::failed(error.to_string()))?;
    let audience = Audience::of_output();
    let own = block_on(interfaces::ethernet_addresses())??;
    let mut totals = Totals::default();
    let mut damage = None;
    for captured in capture {
        let captured = match captured {
            Ok(captured) => captured,
            Err(error) => {
                damage = Some(Failure::failed(error.to_string()));
                break;
            }
        };
        if captured.captured < FRAME_MIN {
            totals.short += 1;
            continue;
        }
        // The capture may be from another host.
        let named = captured
            .interface
            .as_deref()
            .filter(|name| evaluator.knows(name));
        let ingress = evaluator.ingress(asked.interface.as_deref().or(named));
        let judgement = evaluator.judge(&captured.frame, ingress.index)?;
        let sent = own.iter().any(|own| captured.frame.get(6..12) == Some(own));
        if sent {
            totals.sent += 1;
        } else {
            totals.add(&captured, &judgement);
        }
        if asked.json {
            let name = ingress.name.as_deref();
            output::json(&as_json(&captured, &judgement, name, sent))?;
        } else {
            let judgement = (!sent).then_some(&judgement);
            output::print(&line(&captured, judgement, audience))?;
        }
    }
    if asked.json {
        let by = JudgedBy::of(&evaluator.by);
        output::json(&json!({
            "totals": totals.rows, "cut": totals.cut, "short": totals.short, "sent": totals.sent,
            "judged_by": by,
        }))?;
    } else {
        let by = render::judged_by(&JudgedBy::of(&evaluator.by));
        let interface = evaluator.ingress(asked.interface.as_deref());
        let name = interface
            .name
            .as_deref()
            .unwrap_or("no interface of a rule");
        let end = format!(
            "judged by {by}\narriving on {name} ({}), unless the capture names another interface\n",
            interface.why
        );
        output::print_painted(&totals.text(audience))?;
        output::print(&end)?;
    }
    damage.map_or(Ok(Exit::Ok), Err)
}

/// What decided: a rule's name, or the reason in brackets.
fn decided_by(judgement: &Judgement) -> String {
    let reason = judgement
        .reason
        .map_or("unknown", xdp_fw_common::Reason::name);
    judgement
        .rule
        .clone()
        .unwrap_or_else(|| format!("({reason})"))
}

/// Number, verdict, what decided, and as much of the packet as a line takes; no judgement for what
/// this host sent.
pub(super) fn line(
    captured: &Captured,
    judgement: Option<&Judgement>,
    audience: Audience,
) -> String {
    let packet = printed(&captured.frame).brief;
    let (verdict, by) = match judgement {
        Some(judgement) => (judgement.verdict.name(), decided_by(judgement)),
        None => ("sent", "(not filtered)".to_owned()),
    };
    let head = format!("{:>6} {verdict:<4} {by:<20}", captured.number);
    let text = format!("{head} {packet}");
    let width = match audience {
        Audience::Terminal(width) => usize::from(width),
        Audience::Pipe => usize::MAX,
    };
    if text.chars().count() <= width {
        return text + "\n";
    }
    let cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut + "…\n"
}

fn as_json(
    captured: &Captured,
    judgement: &Judgement,
    interface: Option<&str>,
    sent: bool,
) -> serde_json::Value {
    let packet = printed(&captured.frame);
    json!({
        "number": captured.number,
        "packet": packet.brief,
        "details": packet.details,
        "bytes": captured.frame.len(),
        "captured": captured.captured,
        "interface": interface,
        "verdict": judgement.verdict.name(),
        "reason": judgement.reason.map(xdp_fw_common::Reason::name),
        "essential": judgement.essential.map(xdp_fw_common::Essential::name),
        "rule": judgement.rule,
        "sent": sent,
    })
}

impl Totals {
    pub(super) fn add(&mut self, captured: &Captured, judgement: &Judgement) {
        let key = (decided_by(judgement), judgement.verdict);
        let place = *self.paths.entry(key).or_insert_with(|| {
            self.rows.push(Total {
                rule: judgement.rule.clone(),
                reason: judgement.reason.map(xdp_fw_common::Reason::name),
                verdict: judgement.verdict,
                packets: 0,
                bytes: 0,
            });
            self.rows.len() - 1
        });
        if let Some(total) = self.rows.get_mut(place) {
            total.packets += 1;
            total.bytes += captured.frame.len() as u64;
        }
        self.cut += u64::from(captured.captured < captured.frame.len());
    }

    /// A table, the most frequent first, and what else there is to say.
    pub(super) fn text(&self, audience: Audience) -> String {
        let mut rows: Vec<&Total> = self.rows.iter().collect();
        rows.sort_by_key(|total| std::cmp::Reverse(total.packets));
        let rows = rows.into_iter().map(|total| {
            let reason = format!("({})", total.reason.unwrap_or("unknown"));
            [
                total.rule.clone().unwrap_or(reason),
                total.verdict.name().to_owned(),
                grouped(total.packets),
                units::bytes(total.bytes),
            ]
        });
        let header = ["rule", "verdict", "packets", "bytes"].map(str::to_owned);
        let mut text = format!("\n{}\n", table::render(audience, header, rows, 2));
        if self.cut > 0 {
            let packets = counted(self.cut, "packet");
            text += &format!(
                "of {packets} the capture has only the beginning: the rest counts as zeros\n"
            );
        }
        if self.sent > 0 {
            let packets = counted(self.sent, "packet");
            text += &format!("{packets} sent by this host: xdp-fw filters what arrives\n");
        }
        if self.short > 0 {
            let frames = counted(self.short, "frame");
            text += &format!("{frames} shorter than an Ethernet header: not judged\n");
        }
        text
    }
}

fn name<S: serde::Serializer>(verdict: &Verdict, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(verdict.name())
}
