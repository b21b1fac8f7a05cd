"""`dobush-server role`: the people with a role at this installation, on its own command line.

Spec: `docs/operations/officers.md`. Only whoever runs the machine can let the first of them in; what is done here
stands in the trail as done by nobody with a role (0). A code is printed once and kept nowhere.

>>> app.info.name
'role'
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

import typer
from sqlalchemy.exc import SQLAlchemyError

from locales import dictionary
from voting_server.plumbing.context import Context
from voting_server.plumbing.problems import ProblemError
from voting_server.plumbing.settings import Side, read_settings
from voting_server.roles.service import Roles

app = typer.Typer(name="role", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
OneSide = Annotated[Literal["identity", "ballot"], typer.Option(help="On which side; each has its own people.")]
PersonOption = Annotated[int, typer.Option("--id", help="The person's number.", min=1)]
HoursOption = Annotated[int, typer.Option(help="How long the invitation holds.", min=1, max=720)]
SignerOption = Annotated[str, typer.Option("--key", help="Her public signing key, 64 hexadecimal digits.")]


@app.command(name="add")
def add_person(
    side: OneSide,
    as_role: Annotated[Literal["officer", "registrar", "operator"], typer.Option("--role", help="Her role.")],
    name: Annotated[str, typer.Option(help="Her name.")],
    body: Annotated[str, typer.Option(help="The body that she is of, as the manifest writes it.")],
    key: SignerOption = "",
    hours: HoursOption = 72,
) -> None:
    """Add somebody and print the code with which she registers her passkey, once."""
    with _roles(side) as roles:
        person = roles.add(name, body, as_role, bytes.fromhex(key) if key else None)
        typer.echo(json.dumps({"id": person, "code": roles.invite(person, hours * 3_600)}))


@app.command(name="invite")
def invite_person(side: OneSide, person: PersonOption, hours: HoursOption = 72) -> None:
    """Invite somebody again: she lost her passkey, or the first invitation ended; the new passkey replaces the old."""
    with _roles(side) as roles:
        typer.echo(json.dumps({"id": person, "code": roles.invite(person, hours * 3_600)}))


@app.command(name="key")
def set_key(side: OneSide, person: PersonOption, key: SignerOption) -> None:
    """Note somebody's new signing key after a rotation."""
    with _roles(side) as roles:
        roles.set_key(person, bytes.fromhex(key))


@app.command(name="retire")
def retire_person(side: OneSide, person: PersonOption) -> None:
    """End somebody's role and her sessions at once; what she did stays in the trail."""
    with _roles(side) as roles:
        roles.retire(person)


@app.command(name="list")
def list_people(side: OneSide) -> None:
    """List everybody who has or had a role, and check the trail's chain."""
    with _roles(side) as roles:
        for each in roles.people():
            state = "active" if each.is_active else "retired"
            typer.echo(f"{each.id}\t{each.role}\t{each.name}\t{each.body}\t{state}\t{each.passkeys} passkeys")
        with roles.context.database.read() as connection:
            count = roles.store.verify_trail(connection)
            newest = roles.store.trail(connection, most=1)
        head = newest[0].hash.hex() if newest else ""
        typer.echo(f"{count} acts in the trail, their chain holds; head {head}".rstrip())


@contextmanager
def _roles(side: Literal["identity", "ballot"]) -> Iterator[Roles]:
    """Open a side's roles as its settings say; turn what is refused into one line and exit status 2."""
    desk = os.environ.get("DOBUSH_SIDE") == "desk"
    context = Context.open(read_settings(Side.DESK if desk else Side(side)), side)
    try:
        yield Roles(context)
    except ProblemError as problem:
        typer.echo(dictionary("en")(f"problem.{problem.code}"), err=True)
        raise typer.Exit(2) from None
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except SQLAlchemyError as error:
        # Its text could quote a statement with what was to be written.
        typer.echo(type(error).__name__, err=True)
        raise typer.Exit(2) from None
    finally:
        context.close()
