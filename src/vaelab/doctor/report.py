"""An examination for a terminal."""

from collections.abc import Iterator
from shlex import quote

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from vaelab.doctor.base import Diagnosis, Finding, Severity
from vaelab.doctor.examine import Examination

WORDS = {
    Severity.SERIOUS: "[bold red]serious[/bold red]",
    Severity.WARNING: "[bold yellow]warning[/bold yellow]",
    Severity.NOTE: "[bold cyan]note[/bold cyan]",
}


def report(examination: Examination) -> Group:
    """Findings with evidence, reason and remedy; then what is sound and what was not looked for."""
    return Group(*_parts(examination))


def _parts(examination: Examination) -> Iterator[RenderableType]:
    count = len(examination.findings)
    found = f"{count} finding{'s' * (count != 1)}" if count else "nothing found"
    yield f"[bold]{escape(examination.run)}[/bold]: {found}, on {examination.images}"
    for diagnosis, finding in examination.findings:
        yield ""
        yield f"{WORDS[finding.severity]}  [bold]{diagnosis.name}[/bold]: {escape(finding.summary)}"
        yield Padding(_details(diagnosis, finding), (0, 0, 0, 2))
    if any(finding.tries for _, finding in examination.findings):
        yield ""
        command = f"vaelab train {examination.run} task_name=NAME OVERRIDE..."
        yield f"what to try is typed as [green]{escape(command)}[/green]"
    if examination.sound:
        names = ", ".join(diagnosis.name for diagnosis in examination.sound)
        yield ""
        yield f"[green]not found[/green]: {names}"
    for diagnosis, reason in examination.skipped:
        yield f"[dim]not looked for: {diagnosis.name} ({escape(reason)})[/dim]"


def _details(diagnosis: Diagnosis, finding: Finding) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    table.add_row("what", escape(diagnosis.what))
    for number, line in enumerate(finding.evidence):
        table.add_row("" if number else "evidence", escape(line))
    table.add_row("why", escape(diagnosis.why))
    table.add_row("", f"[dim]{escape(diagnosis.reference)}[/dim]")
    for number, remedy in enumerate(finding.tries):
        typed = " ".join(quote(word) for word in remedy.overrides)
        words = f"[green]{escape(typed)}[/green]  {escape(remedy.effect)}"
        table.add_row("" if number else "try", words)
    return table
