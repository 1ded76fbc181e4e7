"""The command line: the only room that prints.

Every command ends with 0, or with one clear sentence on stderr and the exit code of what went
wrong (see `errors`): 2 plan, 3 source, 4 data, 5 follow-up, 6 model, 7 bias, 8 output; 130 when
interrupted. Any other fault ends with 70 and the place in the code, never with a value of the data.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from shlex import quote
from typing import Annotated, Literal

import typer

from desistance.errors import DesistanceError, PlanError

Selection = Literal["random", "recency", "risk"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Evaluate offender-management pilots.",
)

plans = typer.Typer(no_args_is_help=True, help="Lock the plan of an evaluation.")
app.add_typer(plans, name="plan")

INTERRUPTED, FAULT = 130, 70

Mapping = Annotated[Path | None, typer.Option(help="TOML file: a force's own names and codes.")]


@contextmanager
def _one_sentence() -> Iterator[None]:
    """End with one sentence and an exit code, whatever goes wrong."""
    try:
        yield
        return
    except DesistanceError as error:
        message, code = str(error), error.exit_code
    except KeyboardInterrupt:
        message, code = "Interrupted: nothing was left half-written.", INTERRUPTED
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, its message may hold a value
        message, code = f"A fault in desistance: {_place(error)}. Please report it.", FAULT
    typer.echo(message, err=True)
    raise typer.Exit(code)


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    where = trace.tb_frame.f_code
    return f"{type(error).__name__} in {Path(where.co_filename).name}, line {trace.tb_lineno}"


@app.command()
def check(
    source: Annotated[str, typer.Argument(help="Folder, workbook or database URL.")],
    mapping: Mapping = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the quarantine file.")] = None,
) -> None:
    """Read case files, account for every row, and say what is wrong with which."""
    with _one_sentence():
        from desistance.cases import load_cases

        cases = load_cases(source, mapping)
        typer.echo(cases.quality.summary())
        if out is not None:
            cases.quality.write(out)
            typer.echo(f"Written to {out}")


@app.command()
def evaluate(
    plan: Annotated[Path, typer.Argument(help="The plan, a TOML file.")],
    out: Annotated[Path, typer.Option(help="Folder of the report; made anew.")],
) -> None:
    """Run a plan and write its report."""
    with _one_sentence():
        from rich.console import Console

        from desistance.cases import load_cases
        from desistance.comparison.effects.wording import NOT_COMPARED
        from desistance.evaluation import evaluate as run
        from desistance.evaluation import load_plan, read_lock
        from desistance.evaluation.plan import beside
        from desistance.release import check_replaceable
        from desistance.report import write_report

        check_replaceable(out)
        chosen, lock = load_plan(plan), read_lock(plan)
        with Console(stderr=True).status("Reading case files") as status:
            cases = load_cases(
                beside(plan, chosen.data),
                chosen.mapping and beside(plan, chosen.mapping),
                extract_date=chosen.extract_date,
            )
            found = run(cases, chosen, lock=lock, progress=status.update)
            status.update("Writing the report")
            page = write_report(found, out)
        typer.echo(cases.quality.summary().splitlines()[0])
        typer.echo(found.effects.sentence if found.effects else NOT_COMPARED)
        if found.deviations is not None:
            typer.echo(f"The plan was locked; deviations: {len(found.deviations)}")
        typer.echo(f"Report: {page}")


@plans.command()
def lock(
    plan: Annotated[Path, typer.Argument(help="The plan, a TOML file.")],
    on: Annotated[
        str | None, typer.Option(help="Date of the lock, 2024-09-30; the extract's if left out.")
    ] = None,
) -> None:
    """Lock a plan before outcomes are opened: reads no outcome, and is never written over."""
    with _one_sentence():
        from desistance.evaluation import lock_plan

        locked = lock_plan(plan, on=None if on is None else _date(on))
        typer.echo(locked.summary())
        typer.echo(f"Locked: {locked.path} ({locked.lock.sha256})")


def _date(text: str) -> date:
    with suppress(ValueError):
        return date.fromisoformat(text)
    raise PlanError("`--on` is a date such as 2024-09-30.")


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Folder for the files.")],
    people: Annotated[int, typer.Option(help="People who left IOM.")] = 600,
    effect: Annotated[float, typer.Option(help="True hazard ratio of joining.")] = 0.6,
    selection: Annotated[Selection, typer.Option(help="Who joins.")] = "risk",
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 2026,
    messy: Annotated[bool, typer.Option(help="Add faulty rows of every kind.")] = False,
) -> None:
    """Write a made-up pilot with a known answer, and a plan to evaluate it by if there is none."""
    with _one_sentence():
        from desistance.synthetic import SimulationDesign, simulate_cases, write_simulation

        design = SimulationDesign(n_people=people, effect=effect, selection=selection, messy=messy)
        cases = simulate_cases(design, rng=seed)
        write_simulation(cases, out)
        typer.echo(f"{len(cases.people)} people written to {out}, the truth to truth.json")
        plan = out / "plan.toml"
        if not plan.exists():
            plan.write_text('title = "A made-up pilot"\ndata = "."\n', encoding="utf-8")
            typer.echo(f"To evaluate them: desistance evaluate {quote(str(plan))} --out report")


@app.command()
def pseudonymise(
    source: Annotated[str, typer.Argument(help="Folder, workbook or database URL of raw tables.")],
    key: Annotated[Path, typer.Option(help="File of the key; never the key itself.")],
    out: Annotated[Path, typer.Option(help="New folder for the pseudonymised tables.")],
    mapping: Mapping = None,
    scheme: Annotated[str, typer.Option(help="pnc, cro, noms, crn, asn or local.")] = "pnc",
    year: Annotated[int | None, typer.Option(help="Of the extract, for two-digit years.")] = None,
    merges: Annotated[Path | None, typer.Option(help="CSV: person_id, merged_into.")] = None,
    restricted: Annotated[Path | None, typer.Option(help="New folder for the lookup.")] = None,
    new_key: Annotated[bool, typer.Option("--new-key", help="Make the key file first.")] = False,
) -> None:
    """Write raw tables again with pseudonyms in place of ids."""
    with _one_sentence():
        from desistance.identifiers import make_key_file, read_key_file
        from desistance.pseudonymisation import pseudonymise as hide

        os.umask(0o077)
        if new_key:
            make_key_file(key)
        folders = [place for place in (source, out, restricted) if place]
        exposed = [*sys.argv, *os.environ.values()]
        secret = read_key_file(key, apart_from=folders, exposed=exposed)
        told = hide(
            source, secret, out, scheme=scheme, year=year, mapping=mapping, merges=merges,
            restricted=restricted,
        )  # fmt: skip
        typer.echo(told.summary())
        typer.echo(f"Key {secret.id}. Written to {out}")


@app.command()
def power(
    people: Annotated[list[int], typer.Argument(help="People exposed: one size or several.")],
    ratio: Annotated[
        list[float] | None, typer.Option(help="How many each is compared with (1).")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Reoffenders per 100 of the comparison (56).")
    ] = None,
    difference: Annotated[float | None, typer.Option(help="In rates, per 100 people.")] = None,
    hazard_ratio: Annotated[float | None, typer.Option(help="Of the first reoffence.")] = None,
    simulate: Annotated[
        int, typer.Option(help="Made-up pilots to run instead, of PEOPLE who left IOM.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of the made-up pilots.")] = 2026,
) -> None:
    """Say how small an effect a pilot of a size can find."""
    with _one_sentence():
        from desistance.comparison import power as reckon

        if simulate and (ratio or (rate, difference) != (None, None)):
            raise PlanError(
                "`--simulate` runs pilots of a true `--hazard-ratio`, each with everybody there is "
                "to compare with: leave `--ratio`, `--rate` and `--difference` out."
            )
        if not simulate:
            found = [reckon(people, ratio=ratio or 1.0, rate=56.0 if rate is None else rate,
                            difference=difference,
                            hazard_ratio=hazard_ratio)]  # fmt: skip
        else:
            from desistance.comparison import simulated_power
            from desistance.synthetic import SimulationDesign

            plain = SimulationDesign()
            effect = plain.effect if hazard_ratio is None else hazard_ratio
            designs = [replace(plain, n_people=n, effect=effect) for n in people]
            found = [simulated_power(one, replicates=simulate, rng=seed) for one in designs]
        for one in found:
            typer.echo(one.summary())
