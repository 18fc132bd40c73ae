//! Tables: for a terminal within its width, else plain and as wide as need be.

use comfy_table::presets::NOTHING;
use comfy_table::{
    Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, LineStyle, Row, Table,
};

use crate::names::printable;

/// Width of a terminal that reports none.
const WIDTH: u16 = 80;

/// For whom a table is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// A person with so many columns.
    Terminal(u16),
    /// A file or another program: one line a row.
    Pipe,
}

impl Audience {
    /// Who reads standard output.
    pub(super) fn of_output() -> Self {
        if super::output::to_terminal() {
            Self::Terminal(columns(Table::new().width()))
        } else {
            Self::Pipe
        }
    }

    /// Columns for text, in a terminal of any use; a line of a pipe is as long as need be.
    pub(super) fn text_width(self) -> usize {
        match self {
            Self::Terminal(width) => usize::from(width).max(40),
            Self::Pipe => usize::MAX,
        }
    }
}

/// A serial console reports 0 columns until somebody sets them.
fn columns(reported: Option<u16>) -> u16 {
    reported.filter(|columns| *columns > 0).unwrap_or(WIDTH)
}

/// Lays out rows, one line each on a terminal, where `drop` is red; columns from `right` on are
/// numbers, and stand to the right. What others have said is escaped.
pub(super) fn render<const COLUMNS: usize>(
    audience: Audience,
    header: [String; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
    right: usize,
) -> String {
    let mut table = Table::new();
    let mut style = NOTHING;
    table.force_no_tty();
    let (colours, lines) = match audience {
        Audience::Terminal(width) => {
            table.set_truncation_indicator("…");
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(width);
            style = style.header_separator(LineStyle::none().fill('─').junction('─'));
            (super::output::has_colours(), Some(1))
        }
        Audience::Pipe => {
            table.set_content_arrangement(ContentArrangement::Disabled);
            (false, None)
        }
    };
    if colours {
        table.enforce_styling();
    }
    table.load_style(style);
    table.set_header(header);
    for row in rows {
        // Widths are counted, and rows told apart, by what is shown.
        let cells = row.map(|cell| match cell.as_str() {
            "drop" if colours => Cell::new(cell).fg(Color::Red),
            _ => Cell::new(printable(&cell).to_string()),
        });
        let mut row = Row::from(cells);
        if let Some(lines) = lines {
            row.max_height(lines);
        }
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index >= right {
            column.set_cell_alignment(CellAlignment::Right);
            // Half a number is none; names give way.
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.trim_fmt() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_without_columns_has_eighty() {
        assert_eq!([None, Some(0), Some(132)].map(columns), [80, 80, 132]);
    }
}
