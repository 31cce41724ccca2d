"""How a reconciliation reads on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from quality.compare import Balance, Report, Row


def show(report: Report, console: Console) -> None:
    """Print the verdict: a table of layers, the balances, and each difference in words."""
    console.print(_table(report))
    for balance in report.balances:
        console.print(_balance(balance))
    console.print(f"  duplicates dropped between market.raw and the routed topics: {report.dropped:,}")
    for row in report.rows:
        for line in differences(row):
            console.print(f"  [red]✗[/] {line}", highlight=False)
    if report.ok:
        console.print("[bold green]Reconciled[/]: nothing lost, nothing doubled, every notional equal.")
    else:
        console.print(
            "[bold red]Not reconciled[/]: the differences above say where. Events still on their way? `lake reconcile --wait`."
        )


def _table(report: Report) -> Table:
    table = Table("type", "layer", title="From the feed's ledger to the facts", title_justify="left")
    for column in ("events", "distinct ids", "notional", "lost", "doubled"):
        table.add_column(column, justify="right")
    table.add_column("")
    for row in sorted(report.rows, key=lambda row: row.event_type):
        table.add_row(
            row.event_type,
            row.layer,
            f"{row.events:,}",
            f"{row.distinct:,}",
            f"{row.notional:,.2f}" if row.event_type == "trade" else "",
            f"{row.lost_count:,}",
            f"{row.doubled_count:,}",
            "[green]✓[/]" if row.ok else "[red]✗[/]",
        )
    return table


def _balance(balance: Balance) -> str:
    mark, sign = ("[green]✓[/]", "=") if balance.ok else ("[red]✗[/]", "≠")
    return f"  {mark} {balance.claim}: {balance.left:,} {sign} {balance.right:,}"


def differences(row: Row) -> list[str]:
    """Each way in which a row differs from the layer before it, in words."""
    where = f"{row.event_type} in {row.layer}"
    lines = []
    if row.lost_count:
        lines.append(f"{where}: {row.lost_count:,} lost, such as {', '.join(row.lost)}")
    if row.invented_count:
        lines.append(
            f"{where}: {row.invented_count:,} that the layer before does not hold, such as {', '.join(row.invented)}"
        )
    if row.doubled_count:
        lines.append(f"{where}: {row.doubled_count:,} rows beyond the first of their id")
    if row.notional_off:
        lines.append(f"{where}: notional differs by {row.notional_off:,.6f}")
    return lines
